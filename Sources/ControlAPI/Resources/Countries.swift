internal import CoreTypes
internal import Logging
internal import Synchronization

/// The file of countries in force. Without it, or where it is no good, addresses have no country: it changes nothing that
/// is decided.
final class Countries: Sendable {
    /// Nil: there is no such file.
    private let path: String?
    private let table = Mutex(CountryTable())

    init(path: String?) {
        self.path = path
    }

    /// Reads the file again, where no event loop waits for it.
    /// - Throws: ``ControlError``; what was read before stays.
    func load() async throws {
        guard let path else { return }
        let read = try await blocking { Result { try CountryTable(contentsOf: path) } }
        switch read {
        case .success(let found): table.withLock { $0 = found }
        case .failure(let error): throw ControlError.badCountries(path, error)
        }
    }

    func country(of address: String) -> String? {
        IPAddress(address).flatMap { address in table.withLock { $0.country(of: address) } }
    }
}
