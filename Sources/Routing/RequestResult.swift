// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What a request says of the endpoint that it was sent to.
package enum RequestResult: Hashable, Sendable {
    /// It answered, and be it with 404.
    case success
    /// A response 5xx, a reset, or no response in time. It counts toward ejection.
    case serverError(retryAfter: Duration?)
    /// It works and has too much to do: 429, or 503 that says when to come back. It gets less, but is not ejected: that
    /// would only send its share to others that are as busy.
    case overloaded(retryAfter: Duration?)
    /// The client went away, or the request never reached the endpoint: this says nothing.
    case cancelled

    /// By the status of the response. A 503 without Retry-After is an error: that is how the broken answer, too.
    package init(status: Int, retryAfter: Duration?) {
        switch status {
        case 429: self = .overloaded(retryAfter: retryAfter)
        case 503 where retryAfter != nil: self = .overloaded(retryAfter: retryAfter)
        case 500...599: self = .serverError(retryAfter: retryAfter)
        default: self = .success
        }
    }

    /// When the endpoint wants to be asked again.
    var retryAfter: Duration? {
        switch self {
        case .serverError(let retryAfter), .overloaded(let retryAfter): retryAfter
        case .success, .cancelled: nil
        }
    }

    var isError: Bool { if case .serverError = self { true } else { false } }
}
