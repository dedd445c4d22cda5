import Telemetry
import Testing

@Suite("Figures of the process")
struct ProcessFiguresTests {
    /// As Linux writes it; the program's name is chosen to mislead.
    private let stat = """
        4242 (sally) 9 (port) S 1 4242 4242 0 -1 4194560 1000 0 2 0 150 50 0 0 20 0 7 0 9000 250000000 3000 \
        18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0
        """
    private let system = "cpu  1 2 3\nintr 5\nbtime 1700000000\nprocesses 9\n"
    private let limits = """
        Limit                     Soft Limit           Hard Limit           Units
        Max processes             95963                95963                processes
        Max open files            1024                 524288               files
        """

    @Test("are read whatever the program is called")
    func reading() throws {
        let figures = try #require(
            ProcessFigures(stat: stat, systemStat: system, limits: limits, ticksPerSecond: 100, pageSize: 4096))
        #expect(figures.cpuSeconds == 2)
        #expect(figures.startSeconds == 1_700_000_090)
        #expect(figures.threads == 7)
        #expect(figures.virtualBytes == 250_000_000)
        #expect(figures.residentBytes == 3000 * 4096)
        #expect(figures.mostDescriptors == 1024)
    }

    @Test("have no limit of descriptors where there is none")
    func unlimited() throws {
        let limits = "Max open files            unlimited            unlimited            files\n"
        let figures = try #require(
            ProcessFigures(stat: stat, systemStat: system, limits: limits, ticksPerSecond: 100, pageSize: 4096))
        #expect(figures.mostDescriptors == nil)
        var metrics = MetricSet()
        figures.add(to: &metrics)
        #expect(!metrics.prometheusText().contains("process_max_fds"))
    }

    @Test("are none where the text is another", arguments: ["", "4242 sallyport S 1", "4242 (sallyport) S 1 2 3"])
    func none(stat: String) {
        #expect(
            ProcessFigures(stat: stat, systemStat: system, limits: limits, ticksPerSecond: 100, pageSize: 4096) == nil)
    }

    @Test("of this process are plausible")
    func own() throws {
        let figures = try #require(ProcessFigures.read())
        #expect(figures.cpuSeconds > 0 && figures.threads >= 1 && figures.openDescriptors >= 3)
        #expect(figures.residentBytes > 1_000_000 && figures.virtualBytes >= figures.residentBytes)
        #expect(figures.startSeconds > 1_700_000_000)
    }
}
