import CoreTypes
import Defense
import Logging
import NIOCore
import SIPMessage
import SIPProxy
import SIPTransaction
import Telemetry
import Transport

/// A request that waits for the word of a policy service.
final class PolicyWait {
    var admission: Admission
    let context: ProxyContext
    let service: PolicyService.Settings
    let since: UInt64
    var deadline: TimerHandle?
    var question: Task<Void, Never>?

    init(_ admission: Admission, _ context: ProxyContext, _ service: PolicyService.Settings, since: UInt64) {
        self.admission = admission
        self.context = context
        self.service = service
        self.since = since
    }
}

/// Layer 6, its last part: what the guard's own rules have passed may be put to a policy service. The request waits in its
/// server transaction, which answers repetitions, and nothing else waits with it.
extension Shard {
    /// More than this wait for no answer: beyond it the service counts as not answering.
    private static let mostPolicyWaits = 1000

    func askPolicy(_ question: PolicyQuestion, _ service: PolicyService.Settings, _ admission: Admission, now: Moment) {
        let server = ServerTransaction(
            key: admission.key, request: admission.request, flow: admission.flow, at: now, timers: settings.timers)
        let context = ProxyContext(
            admission.request, server: server, waiting: .groups([]), entrance: admission.entrance,
            facts: admission.report.facts)
        server.context = context
        insert(server)
        // RFC 3261 section 16.2: 100 within 200 ms.
        if admission.request.method == .invite { respond(context, ResponseDraft(100, "Trying")) }
        let wait = PolicyWait(admission, context, service, since: now.monotonic)
        wait.admission.context = context
        guard policyWaits.count < Self.mostPolicyWaits, let policyService else {
            answered(wait, .fault("\(Self.mostPolicyWaits) requests wait for it already"))
            return
        }
        let id = nextID()
        policyWaits[id] = wait
        if let expert = admission.report.facts.expert?.id, admission.request.method == .invite {
            common.began(callOf: expert)
        }
        wait.deadline = arm(after: service.timeout, .policyDeadline(id))
        let bound = NIOLoopBound(self, eventLoop: loop)
        wait.question = policyService.ask(question, service) { [loop] answer in
            loop.execute { bound.value.policyAnswered(id, answer) }
        }
    }

    /// Also when the time is over; then a later answer finds nobody waiting.
    func policyAnswered(_ id: UInt64, _ answer: PolicyAnswer) {
        guard let wait = policyWaits.removeValue(forKey: id) else { return }
        if let expert = wait.admission.report.facts.expert?.id, wait.admission.request.method == .invite {
            common.ended(callOf: expert)
        }
        disarm(&wait.deadline)
        wait.question?.cancel()
        answered(wait, answer)
    }

    private func answered(_ wait: PolicyWait, _ answer: PolicyAnswer) {
        let now = clock()
        let admission = wait.admission
        note(answer, of: admission.entrance.name, now: now)
        metrics.observe(
            EdgeMetrics.policyServiceSeconds, [],
            Double(now.monotonic - min(wait.since, now.monotonic)) / 1e9)
        // The caller has given up meanwhile.
        guard !wait.context.isFinished else { return }
        switch answer {
        case .allow:
            goOn(admission, "allow", now: now)
        case .deny(let reason):
            refuse(wait, Guard.denied(admission.approach, admission.report.facts, reason: reason), now: now)
        case .fault(let fault) where wait.service.failsOpen:
            var details: [SecurityEvent.Detail] = [
                .init("reason", "policy_service_unavailable"), .init("result", "went_on"),
                .init("fault", .string(fault)), .init("profile", .string(admission.entrance.name)),
                .init("call_id", .string(admission.request.callID.cut(to: 256))),
            ]
            if let expert = admission.report.facts.expert { details.append(.init("expert", .string(expert.id))) }
            record(
                SecurityEvent(
                    .securityEvent, .alert, sourceIP: admission.flow.remote.address,
                    expertID: admission.report.facts.expertID, traceID: admission.report.facts.traceID,
                    details: details), now: now)
            goOn(admission, "unavailable", now: now)
        case .fault(let fault):
            refuse(wait, Guard.unanswered(admission.approach, admission.report.facts, fault: fault), now: now)
        }
    }

    private func goOn(_ admission: Admission, _ word: String, now: Moment) {
        guard let context = admission.context else { return }
        if isDraining {
            finish(context, local: 503, "Service Unavailable", fields: [("Retry-After", "10")])
            return
        }
        var admission = admission
        // While it waited, the same call may have come by another way.
        guard let pass = pass(of: admission.request) else {
            finish(context, local: 482, "Loop Detected")
            return
        }
        admission.pass = pass
        admission.report.facts.policyService = word
        context.facts = admission.report.facts
        admit(admission, now: now)
    }

    private func refuse(_ wait: PolicyWait, _ refusal: Refusal, now: Moment) {
        count(refusal, from: wait.admission.flow.remote.address, expertID: refusal.event?.expertID)
        if let event = refusal.event { recordRefusal(event, cause: refusal.cause, now: now) }
        guard let answer = refusal.answer else { return }
        finish(
            wait.context, local: answer.status, answer.reason, fields: answer.fields)
    }

    /// Says when a service stops to answer, and when it answers again.
    private func note(_ answer: PolicyAnswer, of profile: String, now: Moment) {
        var details: [SecurityEvent.Detail] = [.init("component", "webhook"), .init("profile", .string(profile))]
        switch answer {
        case .allow, .deny:
            metrics.increment(EdgeMetrics.policyServiceAnswers, [answer == .allow ? "allow" : "deny"])
            guard failingPolicyServices.remove(profile) != nil else { return }
            logger.notice("the policy service of profile \(profile) answers again")
            record(SecurityEvent(.recovered, .notice, details: details), now: now)
        case .fault(let fault):
            metrics.increment(EdgeMetrics.policyServiceAnswers, ["fault"])
            guard failingPolicyServices.insert(profile).inserted else { return }
            logger.error(
                "the policy service of profile \(profile) does not answer as it should",
                metadata: ["reason": "\(fault)"])
            details.append(.init("reason", .string(fault)))
            record(SecurityEvent(.degraded, .alert, details: details), now: now)
        }
    }
}
