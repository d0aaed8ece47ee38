// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// What is being done, on standard error: standard output is for the result.
package func progress(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
