import CoreTypes
import Logging
import SIPMessage
import Transport

/// From a name to the servers behind it.
extension Shard {
    /// The servers of a hop in the order to be tried; none when its name leads nowhere. May call back at once.
    func locate(_ hop: Hop, _ completion: @escaping ([Hop]) -> Void) {
        guard case .name(let name, let port) = hop.address else {
            completion([hop])
            return
        }
        guard let resolver else {
            completion([])
            return
        }
        resolver.resolve(name) { [logger] result in
            switch result {
            case .success(let addresses):
                completion(
                    addresses.map { address in
                        var located = hop
                        located.address = .endpoint(Endpoint(address, port: port))
                        return located
                    })
            case .failure(let failure):
                logger.warning("a next hop can't be resolved", metadata: ["name": "\(name)", "reason": "\(failure)"])
                completion([])
            }
        }
    }
}
