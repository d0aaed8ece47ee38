// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import MeshModel
internal import NIOCore

extension Router where Context == CallContext {
    /// Answers a method and path, with a body of at most so many bytes.
    func answer(
        _ method: HTTPRequest.Method, _ path: String, atMost limit: Int,
        _ body: @escaping @Sendable (Call) async throws(Problems) -> Answer
    ) {
        on(RouterPath(path), method: method) { request, context in
            await Self.respond(request, context, limit, body)
        }
    }

    private static func respond(
        _ request: Request, _ context: CallContext, _ limit: Int,
        _ body: @Sendable (Call) async throws(Problems) -> Answer
    ) async -> Response {
        let bytes: [UInt8]
        do {
            let buffer = try await request.body.collect(upTo: limit)
            bytes = Array(buffer.readableBytesView)
        } catch {
            return Answer.problems(
                Problems(
                    Problem(.bodyTooLarge, "the body has more than \(limit) bytes, or did not come whole"))
            ).response
        }
        do throws(Problems) {
            return try await body(Call(request: request, context: context, body: bytes)).response
        } catch {
            return Answer.problems(error).response
        }
    }
}

/// What no route is for.
struct NothingThere: RouterMiddleware {
    typealias Context = CallContext

    @concurrent
    func handle(
        _ request: Request, context: CallContext,
        next: @concurrent (Request, CallContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound || error.status == .methodNotAllowed {
            return Answer.problems(
                Problems(
                    Problem(
                        .pathMissing, at: "\(request.method) \(request.uri.path)", "is not there",
                        remedy: "see /v1/openapi.json"))
            ).response
        }
    }
}

/// Runs a body that knows of one problem.
func single<Value>(_ body: () async throws(Problem) -> Value) async throws(Problems) -> Value {
    do throws(Problem) { return try await body() } catch { throw Problems(error) }
}
