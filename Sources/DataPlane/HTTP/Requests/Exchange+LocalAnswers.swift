// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel
internal import Reactor
internal import Routing
internal import Telemetry

/// Answers of our own.
extension Exchange {
    /// An answer of our own. What the client still sends of its request is not read: the connection ends after it.
    func refuse(_ outcome: ErrorCode, _ detail: String, _ fields: [(String, String)] = []) {
        guard let front else { return over() }
        record.outcome = outcome
        record.detail = detail
        var answer = LocalAnswer(outcome, status: outcome.status, detail: detail, isGRPC: isGRPC)
        record.grpcStatus = answer.head.fields.grpcStatus
        for (name, value) in fields { answer.head.fields.add(name, value) }
        answerLocally(front, answer.head, answer.body)
    }

    /// Answers with this head, such as a redirect.
    func answerLocally(_ front: any ExchangeFront, _ head: HTTPResponse, _ body: [UInt8]) {
        record.status = head.status
        // A request without a body is over with its head: the connection need not end for it.
        if request.body == .none, !isTunnel { hasBeenRead = true }
        var head = head
        if method == "HEAD" {
            head.absentLength = UInt64(body.count)
            head.body = .none
        }
        front.write(head)
        if method != "HEAD" {
            record.responseBytes = UInt64(body.count)
            front.write(body)
        }
        front.endAnswer(HTTPFields())
        over()
        // The parser goes on by itself when it comes back from here.
        front.exchangeEnded()
    }

    /// What follows the head is no body. Nothing more of it goes on, and where no answer has begun the client is told why.
    func refuseBody(_ detail: String) {
        guard let front, !isAnswering, !front.isSidecar else { return abandon(.requestMalformed, detail) }
        let upstream = upstream
        self.upstream = nil
        settle(.cancelled, connected: true)
        upstream?.detach()
        if let upstream { loop.atEndOfTurn { upstream.cut() } }
        refuse(.requestMalformed, detail)
    }
}
