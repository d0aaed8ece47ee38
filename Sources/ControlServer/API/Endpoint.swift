// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlPlane
internal import HTTPTypes
internal import MeshModel

/// One method and path of the API. The router and the OpenAPI document are both made of these.
struct Endpoint: Sendable {
    let method: HTTPRequest.Method
    /// With `{name}` where a part is chosen by the caller.
    let path: String
    let role: Role
    let summary: String
    var query: [(name: String, meaning: String)] = []
    /// What the body is, in a word; nil where there is none.
    var body: String?
    var bodyLimit = 1 << 20
    let run: @Sendable (Call, Principal) async throws(Problems) -> Answer
}
