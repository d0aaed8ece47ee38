// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// How much clients and resolvers may make the server of names hold, and for how long. It shares the control thread with
/// everything slow, so that nobody's questions may take it for themselves.
package struct NameLimits: Sendable {
    /// A question; an answer to one may be as long as the protocol lets it.
    package var datagramBytes = 4096
    /// Questions per second; beyond it datagrams are left unread and streams closed.
    package var questionsPerSecond = 4_000
    /// Questions on their way to a resolver, each with a socket of its own.
    package var forwards = 512
    /// Clients that wait for the same answer.
    package var askersPerForward = 64
    /// Of these, how many may ask for the same, written in another way: a resolver here that mixes cases, and whose questions
    /// come back, would else fill all.
    package var forwardsAlike = 32
    /// Questions that the mesh has not answered yet.
    package var lookups = 512
    /// Clients over TCP.
    package var streams = 64
    /// Questions of one such client that are not answered yet; it is not read from meanwhile.
    package var questionsPerStream = 16
    /// Answers that such a client does not take.
    package var unsentBytes = 131_072
    /// How long it may be silent, or leave a message half said.
    package var streamIdle: Duration = .seconds(10)
    /// How long the mesh may think about a name.
    package var lookupPatience: Duration = .seconds(1)
    /// How long a resolver may take before the next one is asked.
    package var resolverPatience: Duration = .seconds(2)

    package init() {}
}
