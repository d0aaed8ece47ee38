// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

exit(ControlBenchmarkProgram.main(Array(ProcessInfo.processInfo.arguments.dropFirst())))
