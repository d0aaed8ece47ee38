// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@testable import ResourceDocuments

@Suite("How a service is used")
struct BalancingTests {
    private static func service(_ fields: String) -> String {
        leastProxy
            + """
            ---
            kind: Service
            metadata: {name: api}
            spec: {addresses: [10.96.0.10], ports: [{port: 80}], endpoints: [], \(fields)}
            """
    }

    @Test("every field arrives where it belongs")
    func fields() throws {
        let text = Self.service(
            """
            balancing: {algorithm: consistentHash, hashHeader: X-Session}, \
            breaker: {connections: 1, pending: 0, requests: 3, retries: 4, retryBudgetPercent: 5}, \
            ejection: {consecutiveFailures: 1, consecutiveErrors: 2, successPercentMin: 3, requestsMin: 4, \
            interval: 5s, base: 6s, longest: 7s, mostPercent: 8, panicPercent: 9}
            """)
        let service = try #require(try read(text).get().resources.services.first)
        var balancing = BalancingSettings()
        balancing.algorithm = .consistentHash
        balancing.hashHeader = "x-session"
        var breaker = BreakerSettings()
        breaker.connections = 1
        breaker.pending = 0
        breaker.requests = 3
        breaker.retries = 4
        breaker.retryBudgetPercent = 5
        var ejection = EjectionSettings()
        ejection.consecutiveFailures = 1
        ejection.consecutiveErrors = 2
        ejection.successPercentMin = 3
        ejection.requestsMin = 4
        ejection.interval = .seconds(5)
        ejection.base = .seconds(6)
        ejection.longest = .seconds(7)
        ejection.mostPercent = 8
        ejection.panicPercent = 9
        #expect(service.balancing == balancing && service.breaker == breaker && service.ejection == ejection)
    }

    @Test("what is not said has its default", arguments: ["balancing: {}, breaker: {}, ejection: {}", "breaker: null"])
    func defaults(_ fields: String) throws {
        let service = try #require(try read(Self.service(fields)).get().resources.services.first)
        #expect(service.balancing == BalancingSettings() && service.breaker == BreakerSettings())
        #expect(service.ejection == EjectionSettings())
    }

    @Test(
        "what is wrong is refused, by name",
        arguments: [
            ("balancing: {algorithm: fastest}", "spec.balancing.algorithm"),
            ("balancing: {algorithm: consistentHash, hashHeader: 'a b'}", "spec.balancing.hashHeader"),
            ("balancing: {algorithm: consistentHash, hashHeader: ''}", "spec.balancing.hashHeader"),
            ("balancing: {hashHeader: x-session}", "spec.balancing"),
            ("breaker: {requests: 0}", "spec.breaker.requests"),
            ("breaker: {retryBudgetPercent: 101}", "spec.breaker.retryBudgetPercent"),
            ("breaker: {request: 5}", "spec.breaker.request"), ("ejection: {interval: 5}", "spec.ejection.interval"),
            ("ejection: {interval: 500ms}", "spec.ejection.interval"),
            ("ejection: {panicPercent: -1}", "spec.ejection.panicPercent"),
        ])
    func refusals(_ fields: String, _ path: String) throws {
        guard case .failure(let problems) = read(Self.service(fields)) else {
            Issue.record("It was taken.")
            return
        }
        #expect(problems.all.count == 1 && problems.all.first?.description.contains(path + " (") == true, "\(problems)")
    }
}
