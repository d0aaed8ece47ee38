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
        answer(
            method, path, atMost: limit, admitting: { _, _ in }, { call, _ throws(Problems) in try await body(call) })
    }

    /// The same, for those alone whom `admit` lets in. Of the others' bodies nothing is kept.
    func answer<Admitted: Sendable>(
        _ method: HTTPRequest.Method, _ path: String, atMost limit: Int,
        admitting admit: @escaping @Sendable (Request, CallContext) async throws(Problems) -> Admitted,
        _ body: @escaping @Sendable (Call, Admitted) async throws(Problems) -> Answer
    ) {
        on(RouterPath(path), method: method) { request, context in
            do throws(Problems) {
                let admitted = try await admit(request, context)
                let call = Call(request: request, context: context, body: try await Self.read(request, limit))
                return try await body(call, admitted).response
            } catch {
                return Answer.problems(error).response
            }
        }
    }

    private static func read(_ request: Request, _ limit: Int) async throws(Problems) -> [UInt8] {
        do {
            return Array(try await request.body.collect(upTo: limit).readableBytesView)
        } catch {
            throw Problems(
                Problem(.bodyTooLarge, "the body has more than \(limit) bytes, or did not come whole"))
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
