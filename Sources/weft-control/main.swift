// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlServer

await ControlProgram.main()
