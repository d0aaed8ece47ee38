// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import AsyncHTTPClient
internal import Foundation
internal import MeshModel
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1

extension EtcdClient {
    /// Asks until there is an answer or the time is over. What is not `repeatable` is asked again only where the try before
    /// cannot have had an effect. `limit` is how many bytes an answer may have.
    func call<Answer: Decodable & Sendable>(
        _ path: String, _ message: some Encodable, repeatable: Bool = true, limit: Int = 1 << 20
    ) async throws(StoreError) -> Answer {
        let body = try Self.encoded(message)
        let deadline = ContinuousClock.now + settings.callTimeout
        // An endpoint that takes requests and answers none must leave time for the others.
        let share = repeatable ? settings.callTimeout / 3 : settings.callTimeout
        var last = "there was no time to ask"
        var tries = 0
        repeat {
            if isClosed { throw .closed }
            let endpoint = preferred
            do throws(EtcdFailure) {
                let token = try await currentToken(endpoint, until: min(deadline, .now + share))
                return try await ask(endpoint, path, body, token, until: min(deadline, .now + share), limit)
            } catch {
                last = "\(settings.endpoints[endpoint]): \(error.words)"
                switch error {
                case .final(let error): throw error
                case .tooLong: throw .answerTooLong
                case .tokenExpired: keep(token: nil)
                case .noAnswer where !repeatable:
                    leave(endpoint)
                    throw .uncertain(Problem(.storeUncertain, "the answer to a write did not come: \(last)"))
                case .notReached, .noAnswer, .notNow, .silent: leave(endpoint)
                }
            }
            tries += 1
            // Once round, then with a pause.
            if tries.isMultiple(of: settings.endpoints.count) {
                do { try await Task.sleep(for: .milliseconds(100)) } catch { throw .cancelled }
            }
        } while ContinuousClock.now < deadline
        throw .unavailable(Problem(.storeUnavailable, "etcd does not answer: \(last)"))
    }

    /// The token that goes with a call; nil where there is no user.
    func currentToken(_ endpoint: Int, until deadline: ContinuousClock.Instant) async throws(EtcdFailure) -> String? {
        guard let user = settings.user else { return nil }
        if let token { return token }
        let message = EtcdMessage.Credentials(name: user.name, password: user.password)
        let body: ByteBuffer
        do throws(StoreError) { body = try Self.encoded(message) } catch { throw .final(error) }
        let answer: EtcdAnswer.Token
        do throws(EtcdFailure) {
            answer = try await ask(endpoint, "/v3/auth/authenticate", body, nil, until: deadline, 65_536)
        } catch {
            // No write has been sent yet.
            if case .noAnswer(let words) = error { throw .notNow(words) }
            throw error
        }
        guard let token = answer.token else {
            throw .final(.broken(Problem(.storeAnswer, at: settings.endpoints[endpoint], "there is no token in it")))
        }
        keep(token: token)
        return token
    }

    private func ask<Answer: Decodable & Sendable>(
        _ endpoint: Int, _ path: String, _ body: ByteBuffer, _ token: String?,
        until deadline: ContinuousClock.Instant, _ limit: Int
    ) async throws(EtcdFailure) -> Answer {
        let response = try await post(endpoint, path, body, token: token, deadline: deadline)
        let isGood = response.status == .ok
        let bytes: ByteBuffer
        do {
            bytes = try await response.body.collect(upTo: isGood ? limit : 65_536)
        } catch is NIOTooManyBytesError where isGood {
            throw .tooLong
        } catch {
            throw EtcdFailure(error)
        }
        guard isGood else { throw failure(endpoint, response, bytes) }
        do {
            return try EtcdAnswer.decoded(Answer.self, from: bytes)
        } catch {
            throw .final(.broken(Problem(.storeAnswer, at: settings.endpoints[endpoint], "\(path): \(error)")))
        }
    }

    /// What a status other than 200 says.
    func failure(_ endpoint: Int, _ response: HTTPClientResponse, _ body: ByteBuffer) -> EtcdFailure {
        if let failure = try? EtcdAnswer.decoded(EtcdAnswer.Failure.self, from: body) {
            return EtcdFailure(failure, at: settings.endpoints[endpoint])
        }
        let text = String(buffer: body).prefix(200)
        // A proxy on the way says so when its server does not answer.
        guard !(500...599).contains(response.status.code) else { return .noAnswer("\(response.status): \(text)") }
        return .final(
            .broken(
                Problem(
                    .storeAnswer, at: settings.endpoints[endpoint], "\(response.status): \(text)",
                    remedy: "an endpoint has to be etcd 3.4 or later with `--enable-grpc-gateway`")))
    }

    static func encoded(_ message: some Encodable) throws(StoreError) -> ByteBuffer {
        do {
            return try JSONEncoder().encodeAsByteBuffer(message, allocator: ByteBufferAllocator())
        } catch {
            throw .broken(Problem(.storeAnswer, "a message cannot be written: \(error)"))
        }
    }
}
