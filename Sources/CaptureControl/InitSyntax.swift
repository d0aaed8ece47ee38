// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import CommandLine

/// How `weft-init` is called.
package enum InitSyntax {
    package static let program = ProgramSyntax(
        "weft-init", "redirects the TCP traffic of a network namespace into its sidecar, and proves it",
        commands: [apply, verify, explain, status, undo],
        exitCodes: [
            (ExitCode.done.rawValue, "done; with a proof where one was asked for"),
            (ExitCode.failed.rawValue, "failed; the namespace is as it was"),
            (ExitCode.usage.rawValue, "the command line or the configuration is wrong; nothing was done"),
            (
                ExitCode.notProven.rawValue,
                "not proven: the rules are in place, but whether they capture could not be tried"
            ),
            (ExitCode.notApplied.rawValue, "the rules are not there, or are not those of the configuration"),
        ])

    private static let apply = CommandSyntax(
        "apply", "puts the rules in place, proves that they capture, and takes them back if not",
        discussion: "Applying twice is the same as applying once; a changed configuration converges. Flags override "
            + "the file.\nWithout a file the flags are enough: only --proxy-uid must be given.",
        options: capture + [
            .flag("--dry-run", "print what iptables-restore would be given; no root needed, nothing is run"),
            .value("--family", "FAMILY", "ipv4 or ipv6: with --dry-run, only this one"),
            .flag("--no-verify", "do not prove that the rules capture"),
            .value(
                "--established", "ACTION",
                "connections that were open before and bypass the mesh: keep says nothing, report (the default) lists "
                    + "them, reset ends them"),
        ] + place,
        examples: [
            "weft-init apply --proxy-uid 1337 --skip-inbound-ports 22",
            "weft-init apply --config /etc/weft/proxy.yaml --established reset",
            "weft-init apply --proxy-uid 1337 --dry-run --family ipv4",
        ])

    private static let verify = CommandSyntax(
        "verify", "proves by connecting that the rules capture, each family and each direction on its own",
        discussion: "Outbound by a connection made as another user than the proxy's. Inbound by a handshake over a "
            + "virtual cable that is made for a moment, which needs NET_RAW. Rules are not read but tried.",
        options: capture + place, examples: ["weft-init verify --config /etc/weft/proxy.yaml"])

    private static let explain = CommandSyntax(
        "explain", "says which rule decides about a connection, and why",
        discussion: "With --from-uid a connection made in this namespace, without it one that comes in. Works on the "
            + "configuration alone: no root needed.",
        options: [
            .value("--to", "ADDRESS:PORT", "where the connection goes; [ADDRESS]:PORT for IPv6"),
            .value("--from-uid", "UID", "who makes it"),
            .flag("--udp", "a datagram instead of a connection: of those only DNS is ever captured"),
            .flag("--tagged", "the socket carries the mark with which the proxy calls its own pod"),
            .value("--from", "ADDRESS", "where it comes from, for one that comes in"),
            .value("--interface", "NAME", "the interface it leaves or comes by; looked up where it is not given"),
        ] + capture + [netns, json],
        examples: [
            "weft-init explain --proxy-uid 1337 --from-uid 1000 --to 10.0.0.7:443",
            "weft-init explain --config /etc/weft/proxy.yaml --from 10.0.0.9 --to 10.0.0.7:8080 --interface eth0",
        ])

    private static let status = CommandSyntax(
        "status", "shows the rules with their counters, what differs from the configuration, and what bypasses them",
        discussion: "Without a configuration or flags the rules are shown as they are and compared with nothing.",
        options: capture + place, examples: ["weft-init status --config /etc/weft/proxy.yaml"])

    private static let undo = CommandSyntax(
        "undo", "takes the rules away, so that the namespace is as it was before",
        discussion: "Needs no configuration: whatever is Weft's goes, whatever is not stays.",
        options: [
            .value("--config", "FILE", "not needed and not read; so that one command line fits every command")
        ] + place, examples: ["weft-init undo"])

    /// What is captured.
    private static let capture: [OptionSyntax] = [
        .value(
            "--config", "FILE", "the file that the proxy reads too; `ports`, `names` and `capture` of its `kind: Proxy`"
        ),
        .list("--proxy-uid", "UID", "the user that the proxy runs as, whose traffic is not captured; not 0"),
        .value("--inbound-port", "PORT", "the proxy's port for what comes in; 15006"),
        .value("--outbound-port", "PORT", "the proxy's port for what goes out; 15001"),
        .value("--metrics-port", "PORT", "the proxy's port for metrics and probes, never captured; 15020"),
        .value(
            "--names-port", "PORT",
            "the proxy's port for names; with it, or `names` in the file, DNS is captured wherever it is sent"),
        .list("--inbound-ports", "PORTS", "capture only these ports of this pod; 80 or 8000-8099"),
        .list("--skip-inbound-ports", "PORTS", "do not capture these"),
        .list("--inbound-sources", "RANGES", "capture only what comes from here; 10.0.0.0/8"),
        .list("--skip-inbound-sources", "RANGES", "do not capture what comes from here"),
        .list("--inbound-interfaces", "NAMES", "capture only what comes by these; eth0, or eth+ for all that begin so"),
        .list("--skip-inbound-interfaces", "NAMES", "do not capture what comes by these"),
        .list("--outbound-ports", "PORTS", "capture only connections to these ports"),
        .list("--skip-outbound-ports", "PORTS", "do not capture these"),
        .list("--outbound-destinations", "RANGES", "capture only connections to here"),
        .list("--skip-outbound-destinations", "RANGES", "do not capture connections to here"),
        .list("--outbound-interfaces", "NAMES", "capture only what leaves by these"),
        .list("--skip-outbound-interfaces", "NAMES", "do not capture what leaves by these"),
        .list("--uids", "UIDS", "capture only what these users send; 1000 or 1000-1999"),
        .list("--skip-uids", "UIDS", "do not capture what these users send"),
        .flag("--no-drop-invalid", "let resets through that fit no connection; see the documentation"),
    ]

    private static let netns = OptionSyntax.value(
        "--netns", "PATH", "work in this network namespace, such as /run/netns/web; needs SYS_ADMIN")
    private static let json = OptionSyntax.flag("--json", "one JSON object instead of lines")

    /// Where and with what.
    private static let place: [OptionSyntax] = [
        .value("--backend", "BACKEND", "auto, nft or legacy; auto takes the one that has rules already"),
        netns,
        .value("--lock-timeout", "TIME", "how long to wait for others who change rules; 10s"),
        json,
    ]
}

/// How a run ended. The numbers are stable.
package enum ExitCode: Int32, Hashable, Sendable {
    /// Done, and proven where a proof was asked for.
    case done = 0
    /// Failed; nothing is half done.
    case failed = 1
    /// The command line or the configuration is wrong.
    case usage = 2
    /// The rules are there, but they could not be proven to capture.
    case notProven = 3
    /// The rules are not there, or differ from the configuration.
    case notApplied = 4
}
