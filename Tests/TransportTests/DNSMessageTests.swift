import CoreTypes
import SIPProxy
import Testing

@testable import Transport

@Suite struct DNSMessageTests {
    /// Labels and the root.
    private static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    private static func number(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 255), UInt8(value & 255)] }

    private static func record(_ owner: [UInt8], _ type: Int, _ timeToLive: Int, _ body: [UInt8]) -> [UInt8] {
        owner + number(type) + [0, 1] + number(timeToLive >> 16) + number(timeToLive) + number(body.count) + body
    }

    private static func message(
        _ question: String, _ type: Int, answers: [[UInt8]] = [], authorities: [[UInt8]] = []
    ) -> [UInt8] {
        [0, 1, 0x80, 0] + number(1) + number(answers.count) + number(authorities.count) + [0, 0] + name(question)
            + number(type) + [0, 1] + answers.joined() + authorities.joined()
    }

    /// Points at the question's name.
    private static let asked: [UInt8] = [0xc0, 12]

    private static let pointer =
        record(
            asked, 35, 77,
            number(10) + number(20) + [1] + Array("s".utf8) + [7] + Array("SIP+D2U".utf8) + [0]
                + name("_sip._udp.D.test"))

    @Test("records of each kind are read, with the shortest time to live")
    func eachKind() throws {
        let srv = Self.record(
            Self.asked, 33, 60, Self.number(1) + Self.number(2) + Self.number(5060) + [1, 97, 0xc0, 12])
        let other = Self.record(Self.asked, 33, 50, Self.number(3) + Self.number(4) + Self.number(0) + [0])
        let message = try #require(DNSMessage(Self.message("d.test", 33, answers: [srv, other]), kind: .srv))
        #expect(
            message.values == [
                .srv(SRVRecord(priority: 1, weight: 2, port: 5060, target: "a.d.test")),
                .srv(SRVRecord(priority: 3, weight: 4, port: 0, target: ".")),
            ])
        #expect(message.timeToLive == 50)
        let naptr = try #require(DNSMessage(Self.message("d.test", 35, answers: [Self.pointer]), kind: .naptr))
        #expect(
            naptr.values == [
                .naptr(
                    NAPTRRecord(
                        order: 10, preference: 20, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.d.test"))
            ])
    }

    @Test("an alias is followed, and its time to live counts")
    func alias() throws {
        let alias = Self.record(Self.asked, 5, 5, Self.name("real.test"))
        let address = Self.record(Self.name("real.test"), 1, 300, [192, 0, 2, 1])
        let stray = Self.record(Self.name("other.test"), 1, 300, [192, 0, 2, 2])
        let message = try #require(
            DNSMessage(Self.message("d.test", 1, answers: [stray, address, alias]), kind: .a))
        #expect(message.values == [.address(IPAddress(v4: 0xc000_0201))])
        #expect(message.timeToLive == 5)
    }

    @Test("an alias of itself ends")
    func circle() throws {
        let alias = Self.record(Self.asked, 5, 5, Self.asked)
        let message = try #require(DNSMessage(Self.message("d.test", 1, answers: [alias]), kind: .a))
        #expect(message.values.isEmpty)
    }

    @Test("the zone says how long what is not there stays so", arguments: [(20, 60, 20), (60, 20, 20)])
    func negative(timeToLive: Int, minimum: Int, expected: Int) throws {
        let body =
            Self.name("ns.test") + Self.name("root.test") + [UInt8](repeating: 0, count: 16) + Self.number(0)
            + Self.number(minimum)
        let authority = Self.record(Self.asked, 6, timeToLive, body)
        let message = try #require(DNSMessage(Self.message("d.test", 1, authorities: [authority]), kind: .a))
        #expect(message.values.isEmpty)
        #expect(message.negativeTimeToLive == expected)
    }

    @Test("a record whose name is no host's is passed over, and the others stand")
    func strangeName() throws {
        let strange = Self.record(
            Self.asked, 33, 60, Self.number(1) + Self.number(2) + Self.number(5060) + [3, 97, 46, 98, 0])
        let good = Self.record(Self.asked, 33, 60, Self.number(1) + Self.number(2) + Self.number(5060) + [1, 97, 0])
        let message = try #require(DNSMessage(Self.message("d.test", 33, answers: [strange, good]), kind: .srv))
        #expect(message.values == [.srv(SRVRecord(priority: 1, weight: 2, port: 5060, target: "a"))])
    }

    @Test(
        "a name that points at itself or forward ends the reading",
        arguments: [[0xc0, 24], [0xc0, 30], [0xff, 0xff], [0x40, 1], [0xc0]] as [[UInt8]])
    func badPointers(name: [UInt8]) {
        let octets = Self.message("d.test", 1, answers: [Self.record(name, 1, 1, [1, 2, 3, 4])])
        #expect(DNSMessage(octets, kind: .a) == nil)
    }

    @Test("no cut or changed message does harm")
    func mutations() {
        let whole = Self.message("d.test", 35, answers: [Self.pointer, Self.pointer])
        for length in 0..<whole.count { #expect(DNSMessage(Array(whole[..<length]), kind: .naptr) == nil) }
        for index in whole.indices {
            for value in [0, 1, 0x3f, 0x40, 0xc0, 0xff] as [UInt8] {
                var changed = whole
                changed[index] = value
                for kind in [DNSMessage.Kind.a, .aaaa, .srv, .naptr, .authority] {
                    #expect(DNSMessage(changed, kind: kind)?.values.count ?? 0 <= 2)
                }
            }
        }
    }
}
