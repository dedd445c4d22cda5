/// One operation that is measured.
struct Benchmark {
    enum Scope {
        /// What the calling thread does.
        case thread
        /// What all threads do; waits count too where they take time on a core.
        case process
    }

    let name: String
    /// Operations in a round.
    let operations: Int
    let scope: Scope
    /// Carries out the operations of a round, and says how many of them came to what they should.
    let round: () throws -> Int

    /// - Parameter operation: given the number of the operation, which goes on over the rounds; true when it came to what
    ///   it should.
    init(_ name: String, _ operations: Int = 1000, _ operation: @escaping (Int) throws -> Bool) {
        var number = 0
        self.init(name, operations, .thread) {
            var good = 0
            for _ in 0..<operations {
                if try operation(number) { good += 1 }
                number += 1
            }
            return good
        }
    }

    /// - Parameter round: carries out all operations of a round, and says how many came to what they should.
    init(_ name: String, _ operations: Int, _ scope: Scope, round: @escaping () throws -> Int) {
        self.name = name
        self.operations = operations
        self.scope = scope
        self.round = round
    }
}

/// What an operation takes.
struct Measurement: Codable {
    let name: String
    /// On a core: the median of the rounds.
    let nanoseconds: Double
    /// The mean of the rounds.
    let allocations: Double
}

/// Why there are no figures.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
