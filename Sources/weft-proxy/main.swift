// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import ProxyControl

ThisProcess.exit(ProxyProgram.main(ThisProcess.arguments))
