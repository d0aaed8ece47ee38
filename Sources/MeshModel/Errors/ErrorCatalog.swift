// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

extension ErrorCode {
    /// What the documentation says of a code.
    struct Entry {
        let name: String
        let meaning: String
        let remedy: String

        init(_ name: String, _ meaning: String, _ remedy: String) {
            self.name = name
            self.meaning = meaning
            self.remedy = remedy
        }
    }

    /// The catalogue: the one place for these sentences.
    var entry: Entry {
        switch self {
        case .unknownOption:
            Entry(
                "unknown-option",
                "An option or command that does not exist.",
                "Look at `--help`; the message names the nearest one that exists.")
        case .missingValue:
            Entry(
                "missing-value",
                "An option was given without its value, or a required option is missing.",
                "Give the value: `--option value` or `--option=value`.")
        case .badValue:
            Entry(
                "bad-value",
                "A value that cannot be read as what the option or field holds.",
                "The message says what is expected and shows the value found.")
        case .fileUnreadable:
            Entry(
                "file-unreadable",
                "A file could not be opened or read.",
                "Check the path and its permissions for the user that the program runs as.")
        case .notYAML:
            Entry(
                "not-yaml",
                "The file is not well-formed YAML (or JSON).",
                "Mend the line and column that the message names.")
        case .unknownField:
            Entry(
                "unknown-field",
                "A field that this kind of resource does not have.",
                "The message names the nearest field that exists; nothing is ignored silently.")
        case .missingField:
            Entry(
                "missing-field",
                "A field that must be there is not.",
                "Add the field that the message names.")
        case .duplicateField:
            Entry(
                "duplicate-field",
                "A field stands twice in one mapping.",
                "Remove one of the two; which one was meant cannot be known.")
        case .wrongType:
            Entry(
                "wrong-type",
                "A value of the wrong shape, such as text where a list belongs.",
                "The message says what belongs there.")
        case .unsupportedYAML:
            Entry(
                "unsupported-yaml",
                "An anchor, alias, tag or merge key.",
                "Write the value out; configuration has one way to say each thing.")
        case .unknownKind:
            Entry(
                "unknown-kind",
                "A document of a kind that does not exist.",
                "The message lists the kinds; `kind: Proxy` is the proxy's own section.")
        case .missingDocument:
            Entry(
                "missing-document",
                "A document that must be there is not, or is there twice.",
                "A file has exactly one `kind: Proxy`.")
        case .danglingReference:
            Entry(
                "dangling-reference",
                "A name that no resource in the file has.",
                "Add the resource or correct the name.")
        case .conflict:
            Entry(
                "conflict",
                "Two values that cannot both hold, such as one address for two workloads.",
                "The message names both places.")
        case .notReloadable:
            Entry(
                "not-reloadable",
                "A change that takes effect only at the next start.",
                "Restart the proxy; everything else of the new file is in force.")
        case .badDocument:
            Entry(
                "bad-document",
                "The input is too large or too deep to be a configuration.",
                "Keep a file under 16 MiB and 64 levels.")
        case .notImportable:
            Entry(
                "not-importable",
                "Something of an imported configuration that Weft has no word for.",
                "The message says what to do instead; `--partial` writes the rest.")
        case .importNote:
            Entry(
                "import-note",
                "Something of an imported configuration was left out, or is a little different here.",
                "Nothing, unless you depend on it.")
        case .proxyUserMissing:
            Entry(
                "proxy-user-missing",
                "No user id tells the proxy's own traffic apart, so that rules would send it round in "
                    + "circles.",
                "Give `--proxy-uid` (or `capture.proxyUIDs`), the numeric uid that weft-proxy runs as; not 0.")
        case .noNetAdmin:
            Entry(
                "no-net-admin",
                "The capability NET_ADMIN is missing in this network namespace.",
                "Run as root, or give the init container `NET_ADMIN`.")
        case .noNetRaw:
            Entry(
                "no-net-raw",
                "The capability NET_RAW is missing.",
                "Give `NET_RAW` for the legacy backend and for the inbound proof, or accept \"not proven\".")
        case .iptablesMissing:
            Entry(
                "iptables-missing",
                "The iptables programs of the chosen backend are not installed.",
                "Install the package `iptables`.")
        case .backendUnusable:
            Entry(
                "backend-unusable",
                "Neither nf_tables nor legacy iptables works in this namespace.",
                "The message carries the programs' own words; load the kernel modules or choose the other "
                    + "`--backend`.")
        case .ipv6Impossible:
            Entry(
                "ipv6-impossible",
                "The namespace has an IPv6 address, but IPv6 rules cannot be applied, and traffic would "
                    + "bypass the mesh.",
                "Make ip6tables work, or take the IPv6 addresses away.")
        case .lockHeld:
            Entry(
                "lock-held",
                "Another program held the xtables lock longer than the limit.",
                "Wait for it to end or raise `--lock-timeout`.")
        case .applyFailed:
            Entry(
                "apply-failed",
                "The kernel refused the rules; the namespace is as it was.",
                "The message carries the program's own words.")
        case .rolledBack:
            Entry(
                "rolled-back",
                "The rules were applied but did not capture, and were taken back.",
                "The message says what the proof saw; `--no-verify` applies without proof.")
        case .notProven:
            Entry(
                "not-proven",
                "The rules are there, but whether they capture could not be proven.",
                "The message says what was missing (a route, NET_RAW, a uid).")
        case .notCaptured:
            Entry(
                "not-captured",
                "A connection that the rules should have captured went past them.",
                "Look for foreign rules ahead of ours with `weft-init status`.")
        case .noInterfaceAddress:
            Entry(
                "no-interface-address",
                "A captured interface has no IPv4 address, so that the kernel would drop redirected "
                    + "connections silently.",
                "Give the interface an address before the init step.")
        case .addressTentative:
            Entry(
                "address-tentative",
                "An IPv6 address was still being checked for duplicates after the limit.",
                "Run the init step again once the address is usable.")
        case .noDefaultRoute:
            Entry(
                "no-default-route",
                "There is no default route: connections to service addresses fail before any rule sees them.",
                "Add a default route.")
        case .foreignRules:
            Entry(
                "foreign-rules",
                "Rules of somebody else stand ahead of ours and may decide first.",
                "Look at the rules that `weft-init status` lists.")
        case .bypassingConnections:
            Entry(
                "bypassing-connections",
                "Connections that were open before the rules go on outside the mesh until they end.",
                "`--established reset` ends them.")
        case .namespaceUnreachable:
            Entry(
                "namespace-unreachable",
                "The network namespace could not be entered.",
                "Check the path and that you may enter it (SYS_ADMIN in its user namespace).")
        case .notApplied:
            Entry(
                "not-applied",
                "There are no Weft rules in this namespace.",
                "Run `weft-init apply`.")
        case .rulesDiffer:
            Entry(
                "rules-differ",
                "The rules in the kernel are not those that the configuration asks for.",
                "Run `weft-init apply` again; it converges.")
        case .undoFailed:
            Entry(
                "undo-failed",
                "The rules could not be taken away.",
                "The message carries the program's own words.")
        case .netlinkFailed:
            Entry(
                "netlink-failed",
                "The kernel refused a netlink request.",
                "The message names the request and the error.")
        case .loopbackDown:
            Entry(
                "loopback-down",
                "The loopback interface is down, so that redirected connections cannot reach the proxy.",
                "Bring it up: `ip link set lo up`.")
        case .interrupted:
            Entry(
                "interrupted",
                "The run was told to end before it was done; the namespace is as it was.",
                "Run it again.")
        case .userNotMapped:
            Entry(
                "user-not-mapped",
                "A proxy uid that does not exist in this user namespace, so that no rule can name it.",
                "Give a uid that `/proc/self/uid_map` covers, or extend the map.")
        case .portHeld:
            Entry(
                "port-held",
                "A port of the proxy is held by a program that does not run as the proxy's user.",
                "Stop that program, or give the proxy other ports.")
        case .resetFailed:
            Entry(
                "reset-failed",
                "Connections that were open before the rules could not be ended.",
                "Restart the programs that hold them; the message carries the kernel's own words.")
        case .completed:
            Entry(
                "completed",
                "Both directions ended cleanly.",
                "Nothing to do.")
        case .clientReset:
            Entry(
                "client-reset",
                "The client reset the connection.",
                "Look at the client; the server's side was reset too.")
        case .serverReset:
            Entry(
                "server-reset",
                "The server reset the connection.",
                "Look at the server; the client's side was reset too.")
        case .connectRefused:
            Entry(
                "connect-refused",
                "Nobody listens at the destination.",
                "Start the application, or correct the port.")
        case .connectUnreachable:
            Entry(
                "connect-unreachable",
                "The network has no way to the destination.",
                "Look at routes and firewalls.")
        case .connectTimeout:
            Entry(
                "connect-timeout",
                "The destination did not answer the connect in time.",
                "Look at routes, firewalls and the host; `timeouts.connect` is the limit.")
        case .loopbackOnly:
            Entry(
                "loopback-only",
                "The application listens on a loopback address only, which is never exposed to others.",
                "Let it listen on the pod's address or on 0.0.0.0 and [::].")
        case .connectFailed:
            Entry(
                "connect-failed",
                "The connect to the destination failed for a reason of its own.",
                "The record carries the system's error.")
        case .originalDestinationUnknown:
            Entry(
                "original-destination-unknown",
                "The kernel does not know where the client wanted to go: the connection was not redirected, "
                    + "or conntrack is off.",
                "Connect to the service, not to the proxy's port; check that the rules are applied.")
        case .ownListener:
            Entry(
                "own-listener",
                "The connection was made to a port of the proxy itself.",
                "Connect to the service; the proxy's ports are not services.")
        case .notOurAddress:
            Entry(
                "not-our-address",
                "An inbound connection for an address that is not this pod's.",
                "The proxy is no router; look at who sends it here.")
        case .linkLocalRefused:
            Entry(
                "link-local-refused",
                "An inbound connection for a link-local or loopback address, where metadata and local-only "
                    + "services live.",
                "Such addresses are never forwarded.")
        case .plaintextRefused:
            Entry(
                "plaintext-refused",
                "Plaintext came to a port that is strict.",
                "Put the client into the mesh, or make the port `permissive`.")
        case .foreignTLSRefused:
            Entry(
                "foreign-tls-refused",
                "TLS that is not the mesh's came to a port that is strict.",
                "Put the client into the mesh, or set `passthroughTLS` for the port.")
        case .clientSilent:
            Entry(
                "client-silent",
                "The client sent nothing within the handshake timeout on a port that must hear TLS first.",
                "A client of the mesh speaks first; look at who connects.")
        case .identityMissing:
            Entry(
                "identity-missing",
                "There was no certificate of our own in time.",
                "Look at `/certificates` and the log: the identity files are missing or broken.")
        case .holdFull:
            Entry(
                "hold-full",
                "Too many connections were waiting for the identity already.",
                "As for identity-missing; `limits.held` is the limit.")
        case .unknownDestination:
            Entry(
                "unknown-destination",
                "The address lies in the mesh's ranges, but no workload or service has it.",
                "Add the Workload or Service, or narrow `Mesh.ranges`; it is never passed in plaintext.")
        case .notInRegistry:
            Entry(
                "not-in-registry",
                "No resource names the destination, and `outbound.registryOnly` is on.",
                "Add a Workload or Service for it.")
        case .noEndpoint:
            Entry(
                "no-endpoint",
                "The service has no endpoint of this address family that could be used.",
                "Add endpoints, or look at why all of them failed.")
        case .portNotServed:
            Entry(
                "port-not-served",
                "The service has no such port.",
                "Add the port to the Service, or dial one that it has.")
        case .serverNameUnknown:
            Entry(
                "server-name-unknown",
                "No TLSRoute or listener is for the server name that the client asks for.",
                "Add the name to the `hostnames` of a TLSRoute, or dial one that is there. A client that sends no name needs a route without `hostnames`."
            )
        case .notTLS:
            Entry(
                "not-tls",
                "Bytes that are not TLS came where the server name decides.",
                "Speak TLS there, or attach a TCPRoute in place of the TLSRoute.")
        case .nameNotResolved:
            Entry(
                "name-not-resolved",
                "DNS has never had an address for the names that the service's endpoints have.",
                "`GET /names` of the admin endpoint and the log (WEFT6014) say why; look at the name and at /etc/resolv.conf."
            )
        case .listenerUnrouted:
            Entry(
                "listener-unrouted",
                "No route is attached to the listener of the gateway.",
                "Attach a TCPRoute to it by `parentRefs`, or take the listener away.")
        case .handshakeFailed:
            Entry(
                "handshake-failed",
                "The TLS handshake failed.",
                "The record carries the reason of the TLS library.")
        case .certificateRejected:
            Entry(
                "certificate-rejected",
                "The peer's certificate is not good.",
                "The record says which rule it breaks; see the codes 41xx.")
        case .wrongIdentity:
            Entry(
                "wrong-identity",
                "The peer has a good certificate of somebody else.",
                "An address now belongs to another workload, or the Workload resource is wrong; the record "
                    + "names both identities.")
        case .handshakeTimeout:
            Entry(
                "handshake-timeout",
                "The TLS handshake was not finished in time.",
                "Look at the peer and the network; `timeouts.handshake` is the limit.")
        case .peerNotWeft:
            Entry(
                "peer-not-weft",
                "What answered does not speak weft/1.",
                "The peer's sidecar is down or its rules are missing; it is never downgraded to plaintext.")
        case .ourCertificateRejected:
            Entry(
                "our-certificate-rejected",
                "The peer rejected our certificate.",
                "Look at the peer's log; compare the trust bundles.")
        case .protocolViolation:
            Entry(
                "protocol-violation",
                "The peer broke the rules of weft/1.",
                "The record says which; compare the versions of both sidecars.")
        case .peerCut:
            Entry(
                "peer-cut",
                "The connection between the sidecars ended in the middle of a stream.",
                "Look at the network and at the other sidecar.")
        case .connectionLimit:
            Entry(
                "connection-limit",
                "The proxy carries as many connections as it may.",
                "Raise `limits.connections` or the descriptor limit.")
        case .idleTimeout:
            Entry(
                "idle-timeout",
                "Nothing moved over the connection for a long time.",
                "`timeouts.idle` is the limit.")
        case .halfCloseTimeout:
            Entry(
                "half-close-timeout",
                "One side had ended and nothing moved on the other for a long time.",
                "`timeouts.halfClose` is the limit.")
        case .peerGone:
            Entry(
                "peer-gone",
                "The far side no longer answers the kernel.",
                "The host is gone or the network is cut.")
        case .openTimeout:
            Entry(
                "open-timeout",
                "The peer's sidecar did not answer the request to open a stream in time.",
                "Look at the peer's application; `timeouts.open` is the limit.")
        case .peerOverloaded:
            Entry(
                "peer-overloaded",
                "The peer's sidecar refused because it is at a limit.",
                "Look at the peer's metrics.")
        case .memoryPressure:
            Entry(
                "memory-pressure",
                "The proxy's memory was nearly full, and this connection held the most of it.",
                "Look at who does not read; raise the memory limit.")
        case .drainDeadline:
            Entry(
                "drain-deadline",
                "The proxy was told to end, and the connection did not end in time.",
                "`drain.deadline` is the limit.")
        case .policyChanged:
            Entry(
                "policy-changed",
                "The connection is no longer allowed by the configuration now in force.",
                "Look at what changed.")
        case .certificateExpired:
            Entry(
                "certificate-expired",
                "The peer's certificate expired while the connection was open.",
                "Renew the peer's certificate; look at why it was not.")
        case .shutDown:
            Entry(
                "shut-down",
                "The proxy was ended at once.",
                "Nothing to do.")
        case .denied:
            Entry(
                "denied",
                "The peer may not open this stream.",
                "Look at the peer's policy.")
        case .descriptorsExhausted:
            Entry(
                "descriptors-exhausted",
                "The process has no file descriptor left.",
                "Raise the hard limit (`ulimit -Hn`, `LimitNOFILE=`).")
        case .internalFault:
            Entry(
                "internal-fault",
                "Something that should not happen did.",
                "Please report it with the record.")
        case .requestMalformed:
            Entry(
                "request-malformed",
                "The request could be read in two ways, or not at all.",
                "The answer's body says what is wrong. Mend the client; nothing of the request was passed on.")
        case .requestTooLarge:
            Entry(
                "request-too-large",
                "The request's head is larger than is accepted.",
                "The answer names the limit. Raise it in `spec.http` of the Proxy that answered, if such requests are meant."
            )
        case .requestHeadTimeout:
            Entry(
                "request-head-timeout",
                "The client did not send the rest of a request's head in time.",
                "See `spec.http.headTimeout`; a client that needs longer than ten seconds is slow on purpose.")
        case .malformedHTTP2:
            Entry(
                "malformed-http2",
                "The client does not keep to the rules of HTTP/2.",
                "The reason names the rule; the connection has ended with GOAWAY. Look at the client.")
        case .excessHTTP2:
            Entry(
                "excess-http2",
                "The client sent more of something that costs us than HTTP/2 is good for.",
                "The reason names the limit; `spec.http.http2` sets some of them. A client that does this is broken or means harm."
            )
        case .requestUnsupported:
            Entry(
                "request-unsupported",
                "The request asks for something that is not done.",
                "CONNECT works in HTTP/1.1 only.")
        case .requestMisdirected:
            Entry(
                "request-misdirected",
                "The request is for a host of another listener than the one whose certificate the client was shown.",
                "Clients open a connection of its own for the host when they see 421. One that does not should be looked at."
            )
        case .routeNotFound:
            Entry(
                "route-not-found",
                "No rule of the routes attached to the service matches the request.",
                "Add a rule that matches, or one without matches as the last resort: as soon as one route is attached, the rest gets 404."
            )
        case .backendMissing:
            Entry(
                "backend-missing",
                "The rule that matches names no backend that could be used.",
                "Look at the rule's `backendRefs` and their weights, and at the endpoints of the services they name.")
        case .expressionTooCostly:
            Entry(
                "expression-too-costly",
                "A regular expression would have taken too long on this request.",
                "Write the expression without nested repetitions; the rule is named in the record.")
        case .requestDenied:
            Entry(
                "request-denied",
                "The policies of the workload do not allow the request.",
                "The record names the rule that decided. Allow the caller in a Policy if it is meant to pass.")
        case .rateLimited:
            Entry(
                "rate-limited",
                "The callers of this route have used up their rate.",
                "Wait as long as `retry-after` says, or raise `rateLimit` in the Filter.")
        case .faultInjected:
            Entry(
                "fault-injected",
                "A fault was asked for, for a while, by a Filter.",
                "It ends by itself at the Filter's `until`; remove the Filter to end it now.")
        case .notHTTP:
            Entry(
                "not-http",
                "Bytes that are not HTTP came where requests have to be looked at.",
                "A route or a policy of this port needs HTTP. Use a port without one, or take the HTTP parts out of the policy."
            )
        case .breakerOpen:
            Entry(
                "breaker-open",
                "As many requests to the service are under way as its breaker lets through.",
                "The service is slower than its callers. Raise `breaker` in the Service only if it can really do more at once."
            )
        case .requestTimeout:
            Entry(
                "request-timeout",
                "The answer did not come in the time that the route gives.",
                "See `timeouts` of the route, and why the server took longer.")
        case .responseMissing:
            Entry(
                "response-missing",
                "The server, or its sidecar, ended the connection without an answer.",
                "Look at the server: it may have crashed on this request, or closed the connection while it came. What may have reached it was not sent again."
            )
        case .responseMalformed:
            Entry(
                "response-malformed",
                "What the server answered is not HTTP, or could be read in two ways.",
                "Mend the server, or declare the port `protocol: opaque` if it does not speak HTTP.")
        case .responseCut:
            Entry(
                "response-cut",
                "The server ended the connection in the middle of its answer.",
                "The client was cut as well, so that nothing short passes for whole. Look at the server.")
        case .requestIdle:
            Entry(
                "request-idle",
                "Nothing of the request or its answer has moved for too long.",
                "See `spec.http.requestIdleTimeout`; streams that rest for longer need a higher one.")
        case .resolversMissing:
            Entry(
                "resolvers-missing",
                "There is no resolver to pass questions on to; names that are not of the mesh are not answered.",
                "Give `spec.names.resolvers`, or a nameserver in /etc/resolv.conf that is not the proxy itself.")
        case .identityFileUnreadable:
            Entry(
                "identity-file-unreadable",
                "A file of the identity could not be read.",
                "Check path and permissions.")
        case .identityPermissions:
            Entry(
                "identity-permissions",
                "A key file that others may read, or that belongs to somebody else.",
                "Mode 0400, 0440, 0600 or 0640, owner root or the proxy's user.")
        case .identityMalformed:
            Entry(
                "identity-malformed",
                "A file of the identity does not hold what it should.",
                "The message says what was expected: PEM certificates, a P-256 key.")
        case .keyMismatch:
            Entry(
                "key-mismatch",
                "The key does not belong to the certificate.",
                "Copy both from the same issue; a rotation may have been caught half-way, it is tried again.")
        case .identityChanged:
            Entry(
                "identity-changed",
                "The new certificate carries another identity than the one in force.",
                "An identity never changes while running; restart if it is meant.")
        case .identityUnexpected:
            Entry(
                "identity-unexpected",
                "The certificate carries another identity than the Workload resource says.",
                "Issue the certificate for the identity of the Workload, or correct the resource.")
        case .weakKey:
            Entry(
                "weak-key",
                "The key is not an EC key on P-256.",
                "Issue the certificate with `weft ca issue`.")
        case .noCertificate:
            Entry(
                "no-certificate",
                "The peer showed no certificate.",
                "Every peer of the mesh has one; look at who connects.")
        case .unknownRoot:
            Entry(
                "unknown-root",
                "The chain does not end in a root of the trust bundle.",
                "Give both sides the same bundle; look at the trust domain.")
        case .expired:
            Entry(
                "expired",
                "A certificate of the chain has expired.",
                "Renew it.")
        case .notYetValid:
            Entry(
                "not-yet-valid",
                "A certificate of the chain is not valid yet.",
                "Compare the clocks; the message names direction and amount.")
        case .badSignature:
            Entry(
                "bad-signature",
                "A signature in the chain does not verify.",
                "The certificate was altered or issued by another key of the same name.")
        case .chainTooLong:
            Entry(
                "chain-too-long",
                "The chain has more certificates than are looked at.",
                "Issue with at most two intermediates.")
        case .leafIsAuthority:
            Entry(
                "leaf-is-authority",
                "The leaf says that it is a CA.",
                "Issue leaves with CA:FALSE.")
        case .issuerNotAuthority:
            Entry(
                "issuer-not-authority",
                "A certificate that signs is not a CA.",
                "Issue intermediates with CA:TRUE.")
        case .issuerKeyUsage:
            Entry(
                "issuer-key-usage",
                "A certificate that signs lacks keyCertSign.",
                "Issue intermediates with keyCertSign.")
        case .leafKeyUsage:
            Entry(
                "leaf-key-usage",
                "The leaf lacks a critical keyUsage with digitalSignature, or may sign certificates or CRLs.",
                "Issue leaves with critical keyUsage digitalSignature alone.")
        case .leafExtendedKeyUsage:
            Entry(
                "leaf-extended-key-usage",
                "The leaf's extendedKeyUsage lacks serverAuth or clientAuth.",
                "Issue leaves with both.")
        case .noIdentity:
            Entry(
                "no-identity",
                "The leaf has no URI name.",
                "Issue leaves with exactly one SPIFFE ID.")
        case .severalIdentities:
            Entry(
                "several-identities",
                "The leaf has more than one URI name.",
                "Issue leaves with exactly one SPIFFE ID.")
        case .malformedIdentity:
            Entry(
                "malformed-identity",
                "The leaf's URI name is not a SPIFFE ID of a workload.",
                "`spiffe://<trust domain>/<path>`, lower-case trust domain, no empty or dotted segment.")
        case .unknownTrustDomain:
            Entry(
                "unknown-trust-domain",
                "No bundle is known for the peer's trust domain.",
                "Add a Trust resource for it.")
        case .issuerIdentity:
            Entry(
                "issuer-identity",
                "A certificate that signs carries the SPIFFE ID of a workload, or of another trust domain.",
                "Signing certificates carry no path.")
        case .pathLength:
            Entry(
                "path-length",
                "A path length or name constraint of the chain is broken.",
                "Issue with the right intermediate.")
        case .subjectAlternativeName:
            Entry(
                "subject-alternative-name",
                "The leaf's subject is empty and its names are not critical, or it carries names of another "
                    + "type.",
                "Issue with `weft ca issue`.")
        case .unhandledExtension:
            Entry(
                "unhandled-extension",
                "A critical extension that is not understood.",
                "Issue without it.")
        case .certificateInvalid:
            Entry(
                "certificate-invalid",
                "The certificate is invalid in a way that has no code of its own.",
                "The message carries the reason of the TLS library.")
        case .weakSignature:
            Entry(
                "weak-signature",
                "A key or signature of the chain is weaker than is accepted.",
                "P-256, P-384, P-521, Ed25519 or RSA of at least 2048 bits; SHA-256 or better.")
        case .controlMessage:
            Entry(
                "control-message",
                "A message between a proxy and the control plane cannot be read.",
                "Look at the versions of both: they may differ by one. The message says what was wrong with it.")
        case .controlUnreachable:
            Entry(
                "control-unreachable",
                "No control plane could be reached, or the connection to it was lost.",
                "Traffic goes on with what is known. Look at `spec.control.addresses`, at the network, and whether weft-control runs."
            )
        case .controlIdentity:
            Entry(
                "control-identity",
                "What answers at the control plane's address is not the control plane.",
                "Nothing that it says is believed. Look at what runs at that address; its certificate needs the identity and the DNS name that the message says."
            )
        case .controlRefused:
            Entry(
                "control-refused",
                "The control plane answered with an error.",
                "The message holds what it said.")
        case .controlSilent:
            Entry(
                "control-silent",
                "The control plane has said nothing for too long.",
                "The connection is made anew. Look at the network between the two, and at the load of weft-control.")
        case .updateRejected:
            Entry(
                "update-rejected",
                "An update of the control plane was not taken; what was in force stays.",
                "The message says which resource is wrong; the control plane is told the same.")
        case .snapshotIgnored:
            Entry(
                "snapshot-ignored",
                "The snapshot on disk was not used.",
                "The message says why. The proxy gets a new one as soon as it reaches the control plane.")
        case .neverJoined:
            Entry(
                "never-joined",
                "The proxy has a control plane and no identity: it has never joined.",
                "Run `weft join` for its state directory, or name the files in `spec.identity`.")
        case .renewalFailed:
            Entry(
                "renewal-failed",
                "A new certificate could not be had; the old one stays and it is tried again.",
                "The message says what failed.")
        case .renewalOverdue:
            Entry(
                "renewal-overdue",
                "The certificate should have been renewed by now and could not be.",
                "Mend what keeps the proxy from its control plane before the certificate ends: its peers refuse it from then on."
            )
        case .stateNotWritten:
            Entry(
                "state-not-written",
                "Something could not be kept in the state directory.",
                "Look at the room on its volume, and at its owner and mode.")
        case .peerDenied:
            Entry(
                "peer-denied",
                "The peer's certificate or identity has been taken back.",
                "The control plane says who is denied; a workload that was denied by mistake has to be allowed again, or to join anew."
            )
        case .identityExpired:
            Entry(
                "identity-expired",
                "The proxy's certificate has expired; it is being renewed by its key.",
                "Nothing, as long as the control plane's join port can be reached: the proxy is not ready until it has a new one, and counts as one without an identity."
            )
        case .graceRenewalFailed:
            Entry(
                "grace-renewal-failed",
                "A certificate that has expired could not be renewed by its key.",
                "The message says what the control plane answered. Look whether its join port, 15013, can be reached from the proxy; a workload that is frozen or denied is for an operator to decide on."
            )
        case .identityLost:
            Entry(
                "identity-lost",
                "The certificate expired too long ago to be renewed by its key.",
                "Join again with a new token: `weft token create`, `weft join`.")
        case .wouldOverwrite:
            Entry(
                "would-overwrite",
                "A file that would be written is there already.",
                "Choose another directory, or move the old files away; keys are never overwritten.")
        case .authorityUnreadable:
            Entry(
                "authority-unreadable",
                "The authority's files could not be read.",
                "Give the directory that `weft ca create` wrote.")
        case .authorityMalformed:
            Entry(
                "authority-malformed",
                "The authority's files do not belong together or are not what they should be.",
                "The message says which one.")
        case .authorityExpired:
            Entry(
                "authority-expired",
                "The authority's certificate has expired.",
                "Renew an intermediate with `weft ca renew`; a root is replaced by a new authority, whose root everyone "
                    + "must trust first.")
        case .lifetimeTooLong:
            Entry(
                "lifetime-too-long",
                "A certificate would live longer than its issuer or than is allowed.",
                "Choose a shorter `--lifetime`.")
        case .badIdentity:
            Entry(
                "bad-identity",
                "A name that cannot be an identity of this authority.",
                "`spiffe://<trust domain of the authority>/ns/<namespace>/sa/<service account>`.")
        case .writeFailed:
            Entry(
                "write-failed",
                "A file could not be written.",
                "Check the directory, its permissions and the space left.")
        case .badRequest:
            Entry(
                "bad-request",
                "A certificate signing request that cannot be believed.",
                "Send a PKCS#10 request for a P-256 key, signed by that key; names in it are ignored.")
        case .notRenewable:
            Entry(
                "not-renewable",
                "There is nothing to renew, or it is not of this authority.",
                "Issue without `--renew`, or give the directory that `weft ca issue` wrote.")
        case .signingFailed:
            Entry(
                "signing-failed",
                "A certificate could not be made, or what was made did not pass our own check.",
                "The message says why; nothing was written.")
        case .authorityEnding:
            Entry(
                "authority-ending",
                "An authority's certificate is past the middle of its life.",
                "Renew an intermediate with `weft ca renew`; for a root create the next authority and let everyone trust "
                    + "its root.")
        case .lifetimeShortened:
            Entry(
                "lifetime-shortened",
                "A certificate lives shorter than usual, because its issuer ends before.",
                "Renew the intermediate with `weft ca renew`, then the certificate.")
        case .bundleGrown:
            Entry(
                "bundle-grown",
                "A bundle that was renewed had not known the authority.",
                "Give the authority's root to all peers, or they will refuse the new certificate.")
        case .joinTokenInvalid:
            Entry(
                "join-token-invalid",
                "A join token that nobody has made, or that has been taken back.",
                "Make a new one with `weft token create`; copy all of it.")
        case .joinTokenExpired:
            Entry(
                "join-token-expired",
                "A join token was used after its end.",
                "Make a new one with `weft token create`; `--ttl` says how long it holds, 24 h at most.")
        case .joinTokenUsed:
            Entry(
                "join-token-used",
                "A join token was used before, with another key.",
                "If that was not you, deny the identity with `weft identity deny` and look at `weft audit`; else make a new token."
            )
        case .tooManyAttempts:
            Entry(
                "too-many-attempts",
                "Somebody tries too often.",
                "Wait as long as the answer says; look at `weft audit` for who it is.")
        case .identityDenied:
            Entry(
                "identity-denied",
                "The identity, or this certificate of it, has been taken back.",
                "`weft identity list` says when and why; `weft identity permit` gives it back.")
        case .identityFrozen:
            Entry(
                "identity-frozen",
                "Two different keys were renewed for one certificate: one of the two is a thief's.",
                "Find out which machine is yours, deny the identity, and join it again with a new token.")
        case .graceOver:
            Entry(
                "grace-over",
                "The certificate expired too long ago to be renewed.",
                "Join again with a new token: `weft token create`, `weft join`.")
        case .certificateSuperseded:
            Entry(
                "certificate-superseded",
                "An expired certificate is not the newest that its workload got.",
                "Renew with the newest one, or join again with a new token.")
        case .writeConflict:
            Entry(
                "write-conflict",
                "Others wrote while this write was being made, again and again.",
                "Try again.")
        case .resourceMissing:
            Entry(
                "resource-missing",
                "There is no resource of that name.",
                "`weft get` lists what is there.")
        case .revisionMissing:
            Entry(
                "revision-missing",
                "That revision never was, or is not kept any more.",
                "`weft history` lists those that are.")
        case .forbidden:
            Entry(
                "forbidden",
                "Who asks may not do that.",
                "It takes another role: view, operate or admin.")
        case .unauthenticated:
            Entry(
                "unauthenticated",
                "Who asks has not said who he is, or nobody knows him.",
                "Use the administrator's socket, a client certificate, or a token of `weft login`.")
        case .bodyTooLarge:
            Entry(
                "body-too-large",
                "The body of a request is longer than it may be.",
                "The message says how long it may be; send less at a time.")
        case .pathMissing:
            Entry(
                "path-missing",
                "There is nothing at that path of the API.",
                "`/v1/openapi.json` lists what there is.")
        case .controlClosing:
            Entry(
                "control-closing",
                "This replica of the control plane is ending.",
                "Nothing: proxies go to another one, or come back.")
        case .watchOver:
            Entry(
                "watch-over",
                "The watch that is spoken of is over.",
                "Nothing: the proxy begins a new one.")
        case .mediaType:
            Entry(
                "media-type",
                "The body of a request says that it is of a kind which is not read there.",
                "Send what the message names; `/v1/openapi.json` says it for every call.")
        case .authorityNotReady:
            Entry(
                "authority-not-ready",
                "This replica cannot issue certificates yet: its intermediate has not been signed.",
                "Wait until a replica with the root's key has signed it, or bring it with `weft ca csr` and `weft ca install`."
            )
        case .virtualAddressesSpent:
            Entry(
                "virtual-addresses-spent",
                "All virtual addresses are given away.",
                "Add a range to `spec.vips` of the Mesh.")
        case .wrongRotationStep:
            Entry(
                "wrong-rotation-step",
                "The rotation of the root is not where this step could follow.",
                "`weft ca status` says where it is and what comes next.")
        case .rotationIncomplete:
            Entry(
                "rotation-incomplete",
                "Not every proxy has taken the step before.",
                "`weft ca status` names who is missing; wait for them, or take them out of the mesh.")
        case .storeUnusable:
            Entry(
                "store-unusable",
                "The control plane cannot use its store now.",
                "Traffic goes on; nothing can be changed until the store answers. Look at its log.")
        case .apiUnreachable:
            Entry(
                "api-unreachable",
                "`weft` cannot reach the control plane.",
                "Say where it is with `--control`, `WEFT_CONTROL` or `weft login`; on its own machine run `weft` as the user of its socket."
            )
        case .controlAnswer:
            Entry(
                "control-answer",
                "The answer of the control plane is not understood.",
                "Run `weft` and `weft-control` of neighbouring versions; look whether something else listens at that address."
            )
        case .loginFile:
            Entry(
                "login-file",
                "The file that `weft login` has written cannot be used.",
                "Do `weft login` again; the file has to belong to you with mode 0600.")
        case .proxiesLate:
            Entry(
                "proxies-late",
                "Not every proxy has acknowledged a revision in the time that was given.",
                "Look at the proxies that are named with `weft proxy status`; they go on with what they had.")
        case .proxiesRejected:
            Entry(
                "proxies-rejected",
                "A proxy has refused a revision and goes on with the one before.",
                "The message carries the proxy's reason; mend the resource that it names, or `weft rollback`.")
        case .notJoined:
            Entry(
                "not-joined",
                "There is no identity of a workload in the state directory.",
                "Join with `weft join`, or name another directory with `--state`.")
        case .storeInUse:
            Entry(
                "store-in-use",
                "Another process has the file of the store open; two would spoil each other's work.",
                "Stop the other `weft-control` (`fuser` on the file that the message names tells its number), or take another file."
            )
        case .storeCorrupt:
            Entry(
                "store-corrupt",
                "The file of the store is damaged, or is not a store at all.",
                "Put a backup in its place; without one, move it away together with its `-wal` and `-shm` and start anew."
            )
        case .storeNewer:
            Entry(
                "store-newer",
                "The file of the store was written by a newer version of Weft.",
                "Run that version, or go back to a backup of before.")
        case .storeFile:
            Entry(
                "store-file",
                "The file of the store cannot be opened, read or written.",
                "The message carries the system's words: look at permissions, at the disk and at its free space.")
        case .storeUnavailable:
            Entry(
                "store-unavailable",
                "No endpoint of etcd answers, or a majority of its members is missing.",
                "Look whether etcd runs and can be reached; what the mesh does already goes on meanwhile.")
        case .storeUncertain:
            Entry(
                "store-uncertain",
                "The answer to a write did not come, so that it may have happened or not.",
                "Look at what is there now before doing it again.")
        case .storeDenied:
            Entry(
                "store-denied",
                "The control plane is not let in by etcd.",
                "Look at the user, the password and its role. A client certificate with a common name cannot be used "
                    + "while etcd's authentication is on: take one without, or user and password.")
        case .storeAnswer:
            Entry(
                "store-answer",
                "An answer of etcd that makes no sense.",
                "Look whether the endpoint is etcd 3.4 or later with its JSON gateway on (`--enable-grpc-gateway`).")
        case .storeLimit:
            Entry(
                "store-limit",
                "A key, a value or a transaction is larger than a store takes, or touches one key twice.",
                "The message names the limit.")
        case .storeCompacted:
            Entry(
                "store-compacted",
                "A revision was asked for that is not kept any more, or not there yet.",
                "Ask for the present state; the control plane does so by itself.")
        case .leaseLost:
            Entry(
                "lease-lost",
                "A lease has ended because nobody kept it alive in time, and its keys with it.",
                "The control plane takes a new one by itself; if this is frequent, look at etcd's latency.")
        case .storeSettings:
            Entry(
                "store-settings",
                "The settings of the store cannot be used.",
                "The message says which and why.")
        case .listenFailed:
            Entry(
                "listen-failed",
                "A port of the proxy, or of the control plane, could not be bound.",
                "Look at who has it (`ss -ltnp`), or choose another: in `ports` of the Proxy, or by the option that the message names."
            )
        case .stateDirectory:
            Entry(
                "state-directory",
                "The state directory cannot be used.",
                "Create it with mode 0700, owned by the proxy's user.")
        case .adminSocket:
            Entry(
                "admin-socket",
                "The admin socket could not be created.",
                "Check its directory; another proxy may be running with the same state directory.")
        case .runsAsRoot:
            Entry(
                "runs-as-root",
                "The proxy runs as root.",
                "Start it as a user of its own; `--allow-root` is for tries only.")
        case .confinementMissing:
            Entry(
                "confinement-missing",
                "The kernel offers no Landlock or refused the system call filter.",
                "The proxy runs on without; the message says which.")
        case .notReady:
            Entry(
                "not-ready",
                "The proxy is not ready.",
                "The message says what is missing: identity, listeners, or it drains.")
        case .unreachableAdmin:
            Entry(
                "unreachable-admin",
                "The proxy's admin endpoint does not answer.",
                "Look whether it runs, and with the same configuration.")
        case .drainIncomplete:
            Entry(
                "drain-incomplete",
                "Connections were still open at the drain deadline and were reset.",
                "Raise `drain.deadline`.")
        case .reloadRejected:
            Entry(
                "reload-rejected",
                "A new configuration or identity was not taken; the old one stays.",
                "The message says why.")
        case .adminRequest:
            Entry(
                "admin-request",
                "A request to the admin endpoint that it cannot answer.",
                "The body says what is wrong.")
        case .userMismatch:
            Entry(
                "user-mismatch",
                "The proxy runs as a user that the capture settings do not exempt.",
                "Run it as one of `capture.proxyUIDs`, or its own traffic would be captured.")
        case .descriptorLimit:
            Entry(
                "descriptor-limit",
                "The descriptor limit is below what `limits.connections` needs.",
                "Raise the hard limit (`ulimit -Hn`, `LimitNOFILE=`) or lower `limits.connections`.")
        case .programNotStarted:
            Entry(
                "program-not-started",
                "The program to be held back could not be started.",
                "Check its path and permissions; it is looked for in `PATH` as a shell would.")
        case .nameLookupFailed:
            Entry(
                "name-lookup-failed",
                "DNS gave no good answer for a name of an endpoint; the last good one stays.",
                "Look at the name and at the servers in /etc/resolv.conf; it is tried again, ever more seldom.")
        case .endpointUnhealthy:
            Entry(
                "endpoint-unhealthy",
                "The checks of a service have found one of its endpoints to be unhealthy.",
                "The message says what the last check came to; `GET /health` of the admin endpoint lists all endpoints."
            )
        case .devNotPermitted:
            Entry(
                "dev-not-permitted",
                "`weft dev` may not make network namespaces.",
                "Run it with sudo, or give your user what the message names: subordinate ids in /etc/subuid and newuidmap."
            )
        case .devRunning:
            Entry(
                "dev-running",
                "Another `weft dev` runs on this machine.",
                "Use it, or end it with Ctrl-C or the signal that the message names: there is one at a time. Ports of the machine are in nobody's way: everything has network namespaces of its own."
            )
        case .devProgramMissing:
            Entry(
                "dev-program-missing",
                "A program that `weft dev` needs is missing or cannot be run.",
                "Our own programs are looked for beside `weft`, then in PATH; the message names the package of others.")
        case .devStartFailed:
            Entry(
                "dev-start-failed",
                "Something that `weft dev` started did not do what it should.",
                "The message has the end of its log; `--keep` leaves everything there to be looked at.")
        case .devCheckFailed:
            Entry(
                "dev-check-failed",
                "`weft dev --check` has found the mesh not doing what it promises.",
                "The message says which promise; `--keep` leaves everything there to be looked at.")
        case .devInterrupted:
            Entry(
                "dev-interrupted",
                "`weft dev` was told to end before it was done.",
                "Everything was taken down; run it again.")
        }
    }
}
