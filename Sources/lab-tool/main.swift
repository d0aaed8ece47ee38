// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

// A small peer for tests, started inside network namespaces: it says what nc does not, such as where a redirected
// connection meant to go, and says it line by line. No program of ours links it.
//
//   lab-tool SERVER ADDRESS:PORT...         listen, echo, count, and more: see LabListener.Behaviour
//   lab-tool connect ADDRESS:PORT [TOS]     connects, sends each line of its input, tells each line of the answer;
//                                           TOS is the type of service byte of the socket
//                                           the input line `abort` ends it with a reset
//   lab-tool sip ADDRESS:PORT COUNT         takes so many bytes, then resets
//   lab-tool crowd ADDRESS:PORT COUNT       many connections at once: see LabCrowd
//   lab-tool dns ADDRESS:PORT FILE          a name server: see LabNames
//   lab-tool load ADDRESS:PORT WORKERS      requests without pause: see LabLoad
signal(SIGPIPE, SIG_IGN)
var files = rlimit()
getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &files)
files.rlim_cur = files.rlim_max
setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &files)
let words = CommandLine.arguments.dropFirst()
if let behaviour = words.first.flatMap({ LabListener.Behaviour(rawValue: $0) }), words.count > 1 {
    for address in words.dropFirst() { LabListener(address, behaviour).start() }
    while true { pause() }
}
switch (words.first, words.count) {
case ("connect", 2...3):
    exit(LabClient(words[2], service: words.count == 3 ? Int32(words[3]) : nil).run())
case ("sip", 3):
    exit(LabClient(words[2], service: nil).sip(Int(words[3]) ?? 0))
case ("crowd", 3):
    exit(LabCrowd(words[2], count: Int(words[3]) ?? 0).run())
case ("dns", 3):
    LabNames(words[2], path: words[3]).run()
case ("load", 3):
    exit(LabLoad(words[2], workers: Int(words[3]) ?? 1).run())
default:
    LabSocket.fail("lab-tool SERVER ADDRESS:PORT... | connect ADDRESS:PORT [TOS] | sip|crowd|load ADDRESS:PORT COUNT")
}
