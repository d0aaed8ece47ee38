// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import ResourceDocuments
import Testing

@Suite("A control plane and a locality in a configuration")
struct ControlTests {
    private func proxy(_ spec: String) throws -> ProxySettings {
        try read("kind: Proxy\nmetadata: {name: web}\nspec: \(spec)\n").get().proxy
    }

    @Test("expired certificates are renewed at the hosts of the control plane, unless other addresses are given")
    func joining() throws {
        let hosts = "[\"10.0.0.1:7000\", control.example, \"[fd00::1]\"]"
        let standard = try #require(try proxy("{control: {addresses: \(hosts)}}").control)
        #expect(standard.addresses.map(\.description) == ["10.0.0.1:7000", "control.example:15012", "[fd00::1]:15012"])
        #expect(
            standard.joining.addresses.map(\.description)
                == ["10.0.0.1:15013", "control.example:15013", "[fd00::1]:15013"])
        let said = "{control: {addresses: \(hosts), joinAddresses: [join.example, \"10.0.0.9:9000\"]}}"
        let control = try #require(try proxy(said).control)
        #expect(control.joining.addresses.map(\.description) == ["join.example:15013", "10.0.0.9:9000"])
    }

    @Test("a list without addresses, and an address that is none, are refused")
    func refused() {
        for list in ["[]", "[\"a b\"]", "nowhere"] {
            let spec = "{control: {addresses: [10.0.0.1], joinAddresses: \(list)}}"
            #expect(!read("kind: Proxy\nmetadata: {name: web}\nspec: \(spec)\n").problems.isEmpty, "\(list)")
        }
    }

    @Test("a Proxy and a Workload say where they are")
    func localities() throws {
        #expect(try proxy("{locality: eu-west/a}").locality?.description == "eu-west/a")
        #expect(try proxy("{}").locality == nil)
        let workload = "kind: Workload\nmetadata: {name: api}\nspec: {addresses: [10.0.0.2], locality: zone-a}\n"
        let file = try read(leastProxy + "---\n" + workload).get()
        #expect(file.resources.workloads.first?.locality?.description == "zone-a")
        #expect(read("kind: Proxy\nmetadata: {name: web}\nspec: {locality: a/b/c}\n").codes == [.badValue])
    }
}
