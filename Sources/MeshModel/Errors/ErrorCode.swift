// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A stable code for everything that can go wrong, the same in messages, logs, metric labels, the admin list and
/// `docs/errors.md` (which is made from this file by `make docs`). A code is never given another meaning and never reused.
///
/// The thousands tell the part: 1 configuration and command line, 2 redirect rules, 3 connections (the outcomes), 4 identity,
/// 5 the certificate authority and the store, 6 the running proxy, 7 the control plane.
package enum ErrorCode: UInt16, Hashable, Sendable, CaseIterable {
    // MARK: Configuration and command line

    /// An option or command that does not exist.
    case unknownOption = 1001
    /// An option was given without its value, or a required option is missing.
    case missingValue = 1002
    /// A value that cannot be read as what the option or field holds.
    case badValue = 1003
    /// A file could not be opened or read.
    case fileUnreadable = 1004
    /// The file is not well-formed YAML (or JSON).
    case notYAML = 1005
    /// A field that this kind of resource does not have.
    case unknownField = 1006
    /// A field that must be there is not.
    case missingField = 1007
    /// A field stands twice in one mapping.
    case duplicateField = 1008
    /// A value of the wrong shape, such as text where a list belongs.
    case wrongType = 1009
    /// An anchor, alias, tag or merge key.
    case unsupportedYAML = 1010
    /// A document of a kind that does not exist.
    case unknownKind = 1011
    /// A document that must be there is not, or is there twice.
    case missingDocument = 1012
    /// A name that no resource in the file has.
    case danglingReference = 1013
    /// Two values that cannot both hold, such as one address for two workloads.
    case conflict = 1014
    /// A change that takes effect only at the next start.
    case notReloadable = 1015
    /// The input is too large or too deep to be a configuration.
    case badDocument = 1016
    /// Something of an imported configuration that Weft has no word for.
    case notImportable = 1020
    /// Something of an imported configuration was left out, or is a little different here.
    case importNote = 1021

    // MARK: Redirect rules

    /// No user id tells the proxy's own traffic apart, so that rules would send it round in circles.
    case proxyUserMissing = 2001
    /// The capability NET_ADMIN is missing in this network namespace.
    case noNetAdmin = 2002
    /// The capability NET_RAW is missing.
    case noNetRaw = 2003
    /// The iptables programs of the chosen backend are not installed.
    case iptablesMissing = 2004
    /// Neither nf_tables nor legacy iptables works in this namespace.
    case backendUnusable = 2005
    /// The namespace has an IPv6 address, but IPv6 rules cannot be applied, and traffic would bypass the mesh.
    case ipv6Impossible = 2006
    /// Another program held the xtables lock longer than the limit.
    case lockHeld = 2007
    /// The kernel refused the rules; the namespace is as it was.
    case applyFailed = 2008
    /// The rules were applied but did not capture, and were taken back.
    case rolledBack = 2009
    /// The rules are there, but whether they capture could not be proven.
    case notProven = 2010
    /// A connection that the rules should have captured went past them.
    case notCaptured = 2011
    /// A captured interface has no IPv4 address, so that the kernel would drop redirected connections silently.
    case noInterfaceAddress = 2012
    /// An IPv6 address was still being checked for duplicates after the limit.
    case addressTentative = 2013
    /// There is no default route: connections to service addresses fail before any rule sees them.
    case noDefaultRoute = 2014
    /// Rules of somebody else stand ahead of ours and may decide first.
    case foreignRules = 2015
    /// Connections that were open before the rules go on outside the mesh until they end.
    case bypassingConnections = 2016
    /// The network namespace could not be entered.
    case namespaceUnreachable = 2017
    /// There are no Weft rules in this namespace.
    case notApplied = 2018
    /// The rules in the kernel are not those that the configuration asks for.
    case rulesDiffer = 2019
    /// The rules could not be taken away.
    case undoFailed = 2020
    /// The kernel refused a netlink request.
    case netlinkFailed = 2021
    /// The loopback interface is down, so that redirected connections cannot reach the proxy.
    case loopbackDown = 2022
    /// The run was told to end before it was done; the namespace is as it was.
    case interrupted = 2023
    /// A proxy uid that does not exist in this user namespace.
    case userNotMapped = 2024
    /// A port of the proxy is held by somebody who is not the proxy.
    case portHeld = 2025
    /// Connections that were open before the rules could not be ended.
    case resetFailed = 2026

    // MARK: Connections: these are the outcomes

    /// Both directions ended cleanly.
    case completed = 3000
    /// The client reset the connection.
    case clientReset = 3001
    /// The server reset the connection.
    case serverReset = 3002
    /// Nobody listens at the destination.
    case connectRefused = 3003
    /// The network has no way to the destination.
    case connectUnreachable = 3004
    /// The destination did not answer the connect in time.
    case connectTimeout = 3005
    /// The application listens on a loopback address only, which is never exposed to others.
    case loopbackOnly = 3006
    /// The connect to the destination failed for a reason of its own.
    case connectFailed = 3007
    /// The kernel does not know where the client wanted to go: the connection was not redirected, or conntrack is off.
    case originalDestinationUnknown = 3010
    /// The connection was made to a port of the proxy itself.
    case ownListener = 3011
    /// An inbound connection for an address that is not this pod's.
    case notOurAddress = 3012
    /// An inbound connection for a link-local or loopback address, where metadata and local-only services live.
    case linkLocalRefused = 3013
    /// Plaintext came to a port that is strict.
    case plaintextRefused = 3020
    /// TLS that is not the mesh's came to a port that is strict.
    case foreignTLSRefused = 3021
    /// The client sent nothing within the handshake timeout on a port that must hear TLS first.
    case clientSilent = 3022
    /// There was no certificate of our own in time.
    case identityMissing = 3030
    /// Too many connections were waiting for the identity already.
    case holdFull = 3031
    /// The address lies in the mesh's ranges, but no workload or service has it.
    case unknownDestination = 3040
    /// No resource names the destination, and `outbound.registryOnly` is on.
    case notInRegistry = 3041
    /// The service has no endpoint of this address family that could be used.
    case noEndpoint = 3042
    /// The service has no such port.
    case portNotServed = 3043
    /// DNS has never had an address for the names that the service's endpoints have.
    case nameNotResolved = 3044
    /// No TLSRoute or listener is for the server name that the client asks for.
    case serverNameUnknown = 3045
    /// Bytes that are not TLS came where the server name decides.
    case notTLS = 3046
    /// No route is attached to the listener of the gateway.
    case listenerUnrouted = 3047
    /// The TLS handshake failed.
    case handshakeFailed = 3050
    /// The peer's certificate is not good.
    case certificateRejected = 3051
    /// The peer has a good certificate of somebody else.
    case wrongIdentity = 3052
    /// The TLS handshake was not finished in time.
    case handshakeTimeout = 3053
    /// What answered does not speak weft/1.
    case peerNotWeft = 3054
    /// The peer rejected our certificate.
    case ourCertificateRejected = 3055
    /// The peer broke the rules of weft/1.
    case protocolViolation = 3056
    /// The connection between the sidecars ended in the middle of a stream.
    case peerCut = 3057
    /// The proxy carries as many connections as it may.
    case connectionLimit = 3060
    /// Nothing moved over the connection for a long time.
    case idleTimeout = 3061
    /// One side had ended and nothing moved on the other for a long time.
    case halfCloseTimeout = 3062
    /// The far side no longer answers the kernel.
    case peerGone = 3063
    /// The peer's sidecar did not answer the request to open a stream in time.
    case openTimeout = 3064
    /// The peer's sidecar refused because it is at a limit.
    case peerOverloaded = 3065
    /// The proxy's memory was nearly full, and this connection held the most of it.
    case memoryPressure = 3066
    /// The proxy was told to end, and the connection did not end in time.
    case drainDeadline = 3070
    /// The connection is no longer allowed by the configuration now in force.
    case policyChanged = 3071
    /// The peer's certificate expired while the connection was open.
    case certificateExpired = 3072
    /// The proxy was ended at once.
    case shutDown = 3073
    /// The peer may not open this stream.
    case denied = 3080
    /// The process has no file descriptor left.
    case descriptorsExhausted = 3090
    /// Something that should not happen did.
    case internalFault = 3099

    // MARK: Requests: outcomes as well

    /// The request could be read in two ways, or not at all.
    case requestMalformed = 3100
    /// The request's head is larger than is accepted.
    case requestTooLarge = 3101
    /// The client did not send the rest of a request's head in time.
    case requestHeadTimeout = 3102
    /// The client does not keep to the rules of HTTP/2.
    case malformedHTTP2 = 3103
    /// The client sent more of something that costs us than HTTP/2 is good for.
    case excessHTTP2 = 3104
    /// The request asks for something that is not done.
    case requestUnsupported = 3105
    /// The request is for a host of another listener than the one whose certificate the client was shown.
    case requestMisdirected = 3106
    /// No rule of the routes attached to the service matches the request.
    case routeNotFound = 3110
    /// The rule that matches names no backend that could be used.
    case backendMissing = 3111
    /// A regular expression would have taken too long on this request.
    case expressionTooCostly = 3112
    /// The policies of the workload do not allow the request.
    case requestDenied = 3113
    /// The callers of this route have used up their rate.
    case rateLimited = 3114
    /// A fault was asked for, for a while, by a Filter.
    case faultInjected = 3115
    /// Bytes that are not HTTP came where requests have to be looked at.
    case notHTTP = 3116
    /// As many requests to the service are under way as its breaker lets through.
    case breakerOpen = 3120
    /// The answer did not come in the time that the route gives.
    case requestTimeout = 3121
    /// The server, or its sidecar, ended the connection without an answer.
    case responseMissing = 3122
    /// What the server answered is not HTTP, or could be read in two ways.
    case responseMalformed = 3123
    /// The server ended the connection in the middle of its answer.
    case responseCut = 3124
    /// Nothing of the request or its answer has moved for too long.
    case requestIdle = 3125
    /// There is nobody to ask for names that are not of the mesh.
    case resolversMissing = 3130

    // MARK: Identity: files and certificates

    /// A file of the identity could not be read.
    case identityFileUnreadable = 4001
    /// A key file that others may read, or that belongs to somebody else.
    case identityPermissions = 4002
    /// A file of the identity does not hold what it should.
    case identityMalformed = 4003
    /// The key does not belong to the certificate.
    case keyMismatch = 4004
    /// The new certificate carries another identity than the one in force.
    case identityChanged = 4005
    /// The certificate carries another identity than the Workload resource says.
    case identityUnexpected = 4006
    /// The key is not an EC key on P-256.
    case weakKey = 4007
    /// The peer showed no certificate.
    case noCertificate = 4101
    /// The chain does not end in a root of the trust bundle.
    case unknownRoot = 4102
    /// A certificate of the chain has expired.
    case expired = 4103
    /// A certificate of the chain is not valid yet.
    case notYetValid = 4104
    /// A signature in the chain does not verify.
    case badSignature = 4105
    /// The chain has more certificates than are looked at.
    case chainTooLong = 4106
    /// The leaf says that it is a CA.
    case leafIsAuthority = 4107
    /// A certificate that signs is not a CA.
    case issuerNotAuthority = 4108
    /// A certificate that signs lacks keyCertSign.
    case issuerKeyUsage = 4109
    /// The leaf lacks a critical keyUsage with digitalSignature, or may sign certificates or CRLs.
    case leafKeyUsage = 4110
    /// The leaf's extendedKeyUsage lacks serverAuth or clientAuth.
    case leafExtendedKeyUsage = 4111
    /// The leaf has no URI name.
    case noIdentity = 4112
    /// The leaf has more than one URI name.
    case severalIdentities = 4113
    /// The leaf's URI name is not a SPIFFE ID of a workload.
    case malformedIdentity = 4114
    /// No bundle is known for the peer's trust domain.
    case unknownTrustDomain = 4115
    /// A certificate that signs carries the SPIFFE ID of a workload, or of another trust domain.
    case issuerIdentity = 4116
    /// A path length or name constraint of the chain is broken.
    case pathLength = 4117
    /// The leaf's subject is empty and its names are not critical, or it carries names of another type.
    case subjectAlternativeName = 4118
    /// A critical extension that is not understood.
    case unhandledExtension = 4119
    /// The certificate is invalid in a way that has no code of its own.
    case certificateInvalid = 4120
    /// A key or signature of the chain is weaker than is accepted.
    case weakSignature = 4121

    // MARK: Between a proxy and the control plane

    /// A message between a proxy and the control plane cannot be read.
    case controlMessage = 4201
    /// No control plane could be reached, or the connection to it was lost.
    case controlUnreachable = 4202
    /// What answers at the control plane's address is not the control plane.
    case controlIdentity = 4203
    /// The control plane answered with an error.
    case controlRefused = 4204
    /// The control plane has said nothing for too long.
    case controlSilent = 4205
    /// An update of the control plane was not taken; what was in force stays.
    case updateRejected = 4206
    /// The snapshot on disk was not used.
    case snapshotIgnored = 4207
    /// The proxy has a control plane and no identity: it has never joined.
    case neverJoined = 4208
    /// A new certificate could not be had; the old one stays and it is tried again.
    case renewalFailed = 4209
    /// The certificate should have been renewed by now and could not be.
    case renewalOverdue = 4210
    /// Something could not be kept in the state directory.
    case stateNotWritten = 4211
    /// The peer's certificate or identity has been taken back.
    case peerDenied = 4212
    /// The proxy's certificate has expired; it is being renewed by its key.
    case identityExpired = 4213
    /// A certificate that has expired could not be renewed by its key; it is tried again.
    case graceRenewalFailed = 4214
    /// The certificate expired too long ago to be renewed by its key.
    case identityLost = 4215

    // MARK: The offline certificate authority

    /// A file that would be written is there already.
    case wouldOverwrite = 5001
    /// The authority's files could not be read.
    case authorityUnreadable = 5002
    /// The authority's files do not belong together or are not what they should be.
    case authorityMalformed = 5003
    /// The authority's certificate has expired.
    case authorityExpired = 5004
    /// A certificate would live longer than its issuer or than is allowed.
    case lifetimeTooLong = 5005
    /// A name that cannot be an identity of this authority.
    case badIdentity = 5006
    /// A file could not be written.
    case writeFailed = 5007
    /// A certificate signing request that cannot be believed.
    case badRequest = 5008
    /// There is nothing to renew, or it is not of this authority.
    case notRenewable = 5009
    /// A certificate could not be made, or what was made did not pass our own check.
    case signingFailed = 5010
    /// An authority's certificate is past the middle of its life.
    case authorityEnding = 5011
    /// A certificate lives shorter than usual, because its issuer ends before.
    case lifetimeShortened = 5012
    /// A bundle that was renewed had not known the authority.
    case bundleGrown = 5013

    // MARK: The store of the control plane

    /// Another process has the store's file.
    case storeInUse = 5101
    /// The store's file is damaged or is no store.
    case storeCorrupt = 5102
    /// The store's file was written by a newer version.
    case storeNewer = 5103
    /// The store's file cannot be opened, read or written.
    case storeFile = 5104
    /// No endpoint of etcd answers.
    case storeUnavailable = 5105
    /// A write may have happened or not: its answer did not come.
    case storeUncertain = 5106
    /// etcd does not let the control plane in.
    case storeDenied = 5107
    /// etcd's answer makes no sense.
    case storeAnswer = 5108
    /// A key, value or transaction is larger than a store takes.
    case storeLimit = 5109
    /// A revision is not kept any more.
    case storeCompacted = 5110
    /// A lease has ended.
    case leaseLost = 5111
    /// The settings of the store cannot be used.
    case storeSettings = 5112

    // MARK: The running proxy

    /// A port of the proxy could not be bound.
    case listenFailed = 6001
    /// The state directory cannot be used.
    case stateDirectory = 6002
    /// The admin socket could not be created.
    case adminSocket = 6003
    /// The proxy runs as root.
    case runsAsRoot = 6004
    /// The kernel offers no Landlock or refused the system call filter.
    case confinementMissing = 6005
    /// The proxy is not ready.
    case notReady = 6006
    /// The proxy's admin endpoint does not answer.
    case unreachableAdmin = 6007
    /// Connections were still open at the drain deadline and were reset.
    case drainIncomplete = 6008
    /// A new configuration or identity was not taken; the old one stays.
    case reloadRejected = 6009
    /// A request to the admin endpoint that it cannot answer.
    case adminRequest = 6010
    /// The proxy runs as a user that the capture settings do not exempt.
    case userMismatch = 6011
    /// The descriptor limit is below what `limits.connections` needs.
    case descriptorLimit = 6012
    /// The program to be held back could not be started.
    case programNotStarted = 6013
    /// DNS gave no good answer for a name of an endpoint; the last good one stays.
    case nameLookupFailed = 6014
    /// The checks of a service have found one of its endpoints to be unhealthy.
    case endpointUnhealthy = 6015

    // MARK: The control plane

    /// A join token that nobody has made, or that has been taken back.
    case joinTokenInvalid = 7001
    /// A join token was used after its end.
    case joinTokenExpired = 7002
    /// A join token was used before, with another key.
    case joinTokenUsed = 7003
    /// Somebody tries too often.
    case tooManyAttempts = 7004
    /// The identity, or this certificate of it, has been taken back.
    case identityDenied = 7005
    /// Two different keys were renewed for one certificate: one of the two is a thief's.
    case identityFrozen = 7006
    /// The certificate expired too long ago to be renewed.
    case graceOver = 7007
    /// An expired certificate is not the newest that its workload got.
    case certificateSuperseded = 7008
    /// Others wrote while this write was being made, again and again.
    case writeConflict = 7010
    /// There is no resource of that name.
    case resourceMissing = 7011
    /// That revision never was, or is not kept any more.
    case revisionMissing = 7012
    /// Who asks may not do that.
    case forbidden = 7013
    /// Who asks has not said who he is, or nobody knows him.
    case unauthenticated = 7014
    /// The body of a request is longer than it may be.
    case bodyTooLarge = 7015
    /// There is nothing at that path of the API.
    case pathMissing = 7016
    /// This replica of the control plane is ending.
    case controlClosing = 7017
    /// The watch that is spoken of is over.
    case watchOver = 7018
    /// The body of a request is of a kind that is not read there.
    case mediaType = 7019
    /// This replica cannot issue certificates yet: its intermediate has not been signed.
    case authorityNotReady = 7020
    /// All virtual addresses are given away.
    case virtualAddressesSpent = 7021
    /// The rotation of the root is not where this step could follow.
    case wrongRotationStep = 7022
    /// Not every proxy has taken the step before.
    case rotationIncomplete = 7023
    /// The control plane cannot use its store now.
    case storeUnusable = 7030
    /// The control plane does not answer at the address where it was looked for.
    case apiUnreachable = 7040
    /// The control plane has answered something that is not understood.
    case controlAnswer = 7041
    /// The file of `weft login` cannot be used.
    case loginFile = 7042
    /// Not every proxy has taken over a revision in time.
    case proxiesLate = 7043
    /// A proxy has refused a revision.
    case proxiesRejected = 7044
    /// There is no identity in the state directory.
    case notJoined = 7045

    // MARK: The mesh on one machine

    /// `weft dev` may not make network namespaces.
    case devNotPermitted = 7060
    /// Another `weft dev` runs on this machine.
    case devRunning = 7061
    /// A program that `weft dev` needs is missing or cannot be run.
    case devProgramMissing = 7062
    /// Something that `weft dev` started did not do what it should.
    case devStartFailed = 7063
    /// `weft dev --check` has found the mesh not doing what it promises.
    case devCheckFailed = 7064
    /// `weft dev` was told to end before it was done.
    case devInterrupted = 7065
}

extension ErrorCode {
    /// As people see it: `WEFT3020`.
    package var label: String { "WEFT\(rawValue)" }

    /// Where it is explained, in the repository.
    package var page: String { "docs/errors.md#\(label.lowercased())" }

    /// One word, for logs and metric labels.
    package var name: String { entry.name }

    /// What it means, as a sentence.
    package var meaning: String { entry.meaning }

    /// What to do about it, as a sentence.
    package var remedy: String { entry.remedy }
}
