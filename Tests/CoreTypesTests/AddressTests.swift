import CoreTypes
import Testing

@Suite("Addresses and networks")
struct AddressTests {
    @Test(
        "an address reads and writes in its canonical text",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("2001:DB8::1", "2001:db8::1"), ("::", "::"),
            ("::1", "::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("::ffff:192.0.2.9", "192.0.2.9"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("fe80::", "fe80::"),
        ])
    func canonicalText(text: String, expected: String) {
        #expect(IPAddress(text)?.description == expected)
    }

    @Test(
        "what is no address is refused",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", ":::", "1::2::3", "2001:db8:::1", "12345::",
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8:9", ":1", "1:", "fe80::1%eth0", "::ffff:1.2.3.400",
        ])
    func refused(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("octets go in and come out alike")
    func octets() throws {
        for text in ["203.0.113.7", "2001:db8::42"] {
            let address = try #require(IPAddress(text))
            #expect(IPAddress(bytes: address.bytes) == address)
        }
        #expect(IPAddress(bytes: [1, 2, 3]) == nil)
    }

    @Test("a mapped address is the IPv4 address it carries")
    func mapped() throws {
        let mapped = try #require(IPAddress("::ffff:203.0.113.7"))
        #expect(mapped == IPAddress("203.0.113.7"))
        #expect(mapped.family == .v4)
    }

    @Test("a network contains what shares its prefix, in its own family only")
    func containment() throws {
        let network = try IPNetwork(parsing: "203.0.113.0/24")
        #expect(network.contains(try #require(IPAddress("203.0.113.255"))))
        #expect(!network.contains(try #require(IPAddress("203.0.114.0"))))
        let all = try IPNetwork(parsing: "::/0")
        #expect(!all.contains(try #require(IPAddress("203.0.113.1"))))
        #expect(all.contains(try #require(IPAddress("2001:db8::1"))))
    }

    @Test("an IPv4 network written as IPv6 is the IPv4 network")
    func mappedNetworks() throws {
        #expect(try IPNetwork(parsing: "::ffff:10.0.0.0/104") == IPNetwork(parsing: "10.0.0.0/8"))
        #expect(try IPNetwork(parsing: "::ffff:10.0.0.1") == IPNetwork(parsing: "10.0.0.1/32"))
    }

    @Test(
        "what is no network is refused with a reason",
        arguments: [
            ("300.1.1.1/8", "is not a network"), ("10.0.0.0/33", "from 0 to 32"),
            ("10.0.0.1/8", "did you mean 10.0.0.0/8"), ("office", "is not a network"), ("10.0.0.0/", "from 0 to 32"),
            ("2001:db8::1/64", "did you mean 2001:db8::/64"),
            ("10.0.0.0/+8", "from 0 to 32"), ("::ffff:10.0.0.0/8", "from 96 to 128"),
        ])
    func networkErrors(text: String, reason: String) {
        let error = #expect(throws: IPNetwork.ParseError.self) { try IPNetwork(parsing: text) }
        #expect(error?.description.contains(reason) == true)
    }

    @Test("the rate key is the address for IPv4 and the /64 for IPv6")
    func rateKey() {
        #expect(IPAddress("192.0.2.1")?.rateKey.description == "192.0.2.1")
        #expect(IPAddress("2001:db8:1:2:3:4:5:6")?.rateKey.description == "2001:db8:1:2::")
    }

    @Test("an endpoint reads both families and refuses what is ambiguous")
    func endpoints() {
        #expect(Endpoint("192.0.2.1:5060")?.description == "192.0.2.1:5060")
        #expect(Endpoint("[2001:db8::1]:5061")?.description == "[2001:db8::1]:5061")
        #expect(Endpoint("2001:db8::1:5061") == nil)
        #expect(Endpoint("192.0.2.1") == nil)
        #expect(Endpoint("192.0.2.1:70000") == nil)
    }
}
