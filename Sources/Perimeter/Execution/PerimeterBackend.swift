/// Where firewall rules are in force: sees them and changes them.
public protocol PerimeterBackend: Sendable {
    /// Whether changes come into force together or not at all; else one after the other.
    var isAtomic: Bool { get }

    /// What is there now of what a declaration is about.
    func observe(_ declared: Declaration) async throws -> Observation

    /// Carries changes out and looks whether they have come about. What is done already counts as done.
    /// - Parameter changes: all of a plan where that is atomic, else one.
    func carryOut(_ changes: [Change], _ declared: Declaration) async throws

    /// To be called once, when nothing is asked any more.
    func close() async throws
}
