// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

// A small peer for tests, started inside network namespaces: it says what nc does not, such as where a redirected
// connection meant to go, and says it line by line. No program of ours links it.
//
//   lab-tool listen ADDRESS:PORT...      accepts, tells who came and where they meant to go, and echoes lines
//   lab-tool connect ADDRESS:PORT [TOS]  connects, sends each line of its input, tells each line of the answer;
//                                        TOS is the type of service byte of the socket
signal(SIGPIPE, SIG_IGN)
let words = CommandLine.arguments.dropFirst()
switch (words.first, words.count) {
case ("listen", 2...):
    for address in words.dropFirst() { LabListener(address).start() }
    while true { pause() }
case ("connect", 2...3):
    exit(LabClient(words[2], service: words.count == 3 ? Int32(words[3]) : nil).run())
default:
    LabSocket.fail("lab-tool listen ADDRESS:PORT... | connect ADDRESS:PORT [TOS]")
}
