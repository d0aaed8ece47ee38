// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

exit(BenchmarkProgram.main(Array(ProcessInfo.processInfo.arguments.dropFirst())))
