internal import Witness

/// Hands batches over to one receiver.
protocol Sink: Sendable {
    /// Returns when the receiver has the batch, as far as its protocol lets anybody know.
    /// - Throws: ``DeliveryError``; then nothing is known of the batch.
    func deliver(_ records: [OutgoingRecord]) async throws(DeliveryError)
    /// Why what was delivered since the last call may be lost after all; nil when nothing speaks for it.
    func loss() -> String?
    func close() async
}
