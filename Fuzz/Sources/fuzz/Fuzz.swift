import Foundation
import FuzzProperties

/// The target's name comes by the environment since libFuzzer starts itself again with the same arguments when it forks,
/// merges or minimizes.
private let property: @Sendable ([UInt8]) -> String? = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        FileHandle.standardError.write(Data("fuzz: set FUZZ_TARGET to one of \(names)\n".utf8))
        exit(2)
    }
    return target.violation
}()

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    if let broken = property(bytes) { fatalError(broken) }
    return 0
}
