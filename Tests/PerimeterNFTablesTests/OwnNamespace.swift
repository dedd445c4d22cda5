import Foundation
import Glibc
import TestSupport
import Testing

@testable import PerimeterNFTables

// Linux's; glibc shows it to C with _GNU_SOURCE only.
@_silgen_name("unshare") private func unshare(_ flags: Int32) -> Int32

/// A thread with a network of its own, gone with it.
enum OwnNamespace {
    private static let newNetwork: Int32 = 0x4000_0000

    /// Whether this machine lets the tests have one, and its kernel has nf_tables.
    static let isPossible: Bool =
        (try? run {
            try NFTables.run("add table inet sallyport_try", "try")
            return true
        }) ?? false

    private final class Answer<Value>: @unchecked Sendable {
        // Written before, and read after, the semaphore is signalled.
        var result: Result<Value, any Error>?
    }

    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let (answer, isDone) = (Answer<Value>(), DispatchSemaphore(value: 0))
        Thread.detachNewThread {
            answer.result = Result {
                guard unshare(newNetwork) == 0 else { throw Failure("no network namespace: \(errno)") }
                return try body()
            }
            isDone.signal()
        }
        isDone.wait()
        guard let result = answer.result else { throw Failure("the thread has not answered") }
        return try result.get()
    }
}

extension Trait where Self == ConditionTrait {
    static var needsNamespace: Self {
        .enabled(if: OwnNamespace.isPossible, "no network namespace with nf_tables can be made: this needs root")
    }
}
