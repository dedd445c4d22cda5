import Foundation
import Glibc

let usage = """
    usage: side-by-side [OPTION...]                 measures and writes the tables
           side-by-side prepare DIR [OPTION...]     writes configurations and registry for use by hand
           side-by-side serve-command DIR PROGRAM [VARIANT]
                                                    prints how to start sallyport or kamailio with them

    OPTIONS
      --sallyport PATH   the program (../.build/release/sallyport from the package)
      --kamailio PATH    what the package kamailio and kamailio-tls-modules were unpacked into (../.build/kamailio)
      --only NAME,...    these works and figures; a name that ends in * stands for all that begin so. In the table they
                         take the place of what was measured of them before
      --pairs N          at least so many runs of both (5)
      --quick            one pair, short: for trying
      --list             names works and figures

    VARIANT: \(Variant.allCases.map(\.rawValue).joined(separator: ", "))
    """

struct Arguments {
    var words: [String] = []
    var sallyport: String?
    var kamailio: String?
    var only: [String] = []
    var pairs = 5
    var isQuick = false
    var lists = false

    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        while let word = rest.popFirst() {
            func value() throws -> String {
                guard let value = rest.popFirst() else { throw Failure("\(word): a value is missing") }
                return value
            }
            switch word {
            case "--sallyport": sallyport = try value()
            case "--kamailio": kamailio = try value()
            case "--only": only = try value().split(separator: ",").map(String.init)
            case "--pairs":
                guard let number = Int(try value()), (1...100).contains(number) else {
                    throw Failure("--pairs: 1 to 100")
                }
                pairs = number
            case "--quick": isQuick = true
            case "--list": lists = true
            case "--help", "-h": throw Failure(usage)
            default:
                guard !word.hasPrefix("-") else { throw Failure("\(word): unknown option\n\(usage)") }
                words.append(word)
            }
        }
    }

    /// The names that are asked for; all without `--only`.
    func chosen(of names: [String]) throws -> Set<String> {
        guard !only.isEmpty else { return Set(names) }
        return try Set(
            only.flatMap { pattern in
                let found = names.filter { name in
                    pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : name == pattern
                }
                guard !found.isEmpty else { throw Failure("--only: there is no '\(pattern)'; --list names all") }
                return found
            })
    }
}

func measure(_ arguments: Arguments) throws {
    let chosen = try arguments.chosen(of: Work.all.map(\.name) + Runner.figureNames)
    let places = try Places(sallyport: arguments.sallyport, kamailio: arguments.kamailio, work: nil)
    guard ProcessInfo.processInfo.activeProcessorCount >= 2 else { throw Failure("two cores are needed") }
    try places.prepare()
    var runner = try Runner(places, isQuick: arguments.isQuick, pairs: arguments.isQuick ? 1 : arguments.pairs)
    let directory = places.package.appendingPathComponent("results")
    if !arguments.only.isEmpty { try runner.results.takeOver(from: directory) }
    for work in Work.all where chosen.contains(work.name) {
        try runner.measure(work)
        try runner.results.write(into: directory)
    }
    for name in Runner.figureNames where chosen.contains(name) {
        try runner.figure(name)
        try runner.results.write(into: directory)
    }
    print(runner.results.markdown)
}

func start(_ arguments: Arguments) throws {
    if arguments.lists {
        for work in Work.all { print("\(work.name)\t\(work.title), \(work.rate)/s") }
        for name in Runner.figureNames { print(name) }
        return
    }
    switch arguments.words.first {
    case nil:
        try measure(arguments)
    case "prepare":
        guard arguments.words.count == 2 else { throw Failure(usage) }
        let places = try Places(
            sallyport: arguments.sallyport, kamailio: arguments.kamailio, work: arguments.words[1])
        try places.prepare()
        print("prepared \(places.work.path)")
    case "serve-command":
        let words = arguments.words
        guard (3...4).contains(words.count), let program = Program(rawValue: words[2]),
            let variant = words.count == 4 ? Variant(rawValue: words[3]) : .seven
        else { throw Failure(usage) }
        let places = try Places(sallyport: arguments.sallyport, kamailio: arguments.kamailio, work: words[1])
        if program == .sallyport { try places.configureSallyport(variant) }
        let command = places.serveCommand(program, variant)
        let settings = command.environment.map { "\($0.key)='\($0.value)' " }.joined()
        print(settings + "taskset -c 0 " + command.arguments.map { "'\($0)'" }.joined(separator: " "))
    default:
        throw Failure(usage)
    }
}

/// As many files as the system lets children have.
func raiseFileLimit() throws {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0 else { throw Failure("getrlimit: \(String(cString: strerror(errno)))") }
    limit.rlim_cur = limit.rlim_max
    guard setrlimit(resource, &limit) == 0 else { throw Failure("setrlimit: \(String(cString: strerror(errno)))") }
}

let interruptions = Children.all.endAtInterruption()

do {
    try raiseFileLimit()
    try start(try Arguments(Array(CommandLine.arguments.dropFirst())))
    Children.all.endAll()
} catch {
    Children.all.endAll()
    FileHandle.standardError.write(Data("side-by-side: \(error)\n".utf8))
    exit(1)
}
