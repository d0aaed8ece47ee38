// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import FuzzTargets
import Glibc

/// Which parser is fuzzed says the environment, so that one program serves them all.
private let target: FuzzTarget = {
    guard let name = getenv("WEFT_FUZZ_TARGET").map({ String(cString: $0) }), let target = FuzzTarget(rawValue: name)
    else { fatalError("WEFT_FUZZ_TARGET is one of \(FuzzTarget.allCases.map(\.rawValue))") }
    return target
}()

/// What libFuzzer calls for every input (LibFuzzer.html, "Fuzz target").
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}
