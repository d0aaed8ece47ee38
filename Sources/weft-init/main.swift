// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CaptureControl
internal import LinuxSystem

// The init step: plans, applies, proves, explains and takes away the redirect rules of one network namespace. It runs
// once, before the application, and keeps nothing; `weft-init --help` tells the rest.
ThisProcess.exit(InitProgram.run(ThisProcess.arguments))
