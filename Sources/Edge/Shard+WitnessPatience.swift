import CoreTypes
import Defense
import Logging
import SIPMessage
import Transport
import Witness

/// A disk that hangs is as bad as one that fails: nobody waits for it longer than `witness.wait`.
extension Shard {
    /// Deals with requests that have waited too long as if their record could not be written. Looked at once a second.
    func loseWitnessPatience() {
        let now = clock()
        let overdue = awaitingWitness.filter {
            now.monotonic - min($0.value.askedWitnessAt, now.monotonic) >= settings.witnessPatience
        }
        guard !overdue.isEmpty else { return }
        witnessBeganToFail("the disk takes longer than \(settings.witnessPatience / 1_000_000) ms")
        for (token, context) in overdue {
            awaitingWitness[token] = nil
            if settings.refusesWithoutWitness { recordWithdrawal(context, now: now) }
            witnessFailed(context)
        }
    }

    func witnessBeganToFail(_ reason: String) {
        guard !isWitnessFailing else { return }
        isWitnessFailing = true
        guard place.isLead else {
            // Which says so for all.
            crew.first?.execute { $0.witnessBeganToFail(reason) }
            return
        }
        witnessFailedAt = clock()
        witnessFailures = witness.counters.failures
        logger.error("the witness can't be written", metadata: ["reason": "\(reason)"])
    }

    /// The admitting record may still come to the disk; this one behind it says that nothing was forwarded.
    private func recordWithdrawal(_ context: ProxyContext, now: Moment) {
        record(
            SecurityEvent(
                .securityRejected, .warning, sourceIP: context.server.flow.remote.address,
                expertID: context.facts.expertID, traceID: context.facts.traceID,
                details: [
                    .init("reason", "witness_too_slow"), .init("status", 503),
                    .init("call_id", .string(context.request.callID.cut(to: 256))),
                ]), now: now)
    }
}
