//! Price files, and bills by hand.

use planning::cost::{Bill, Component, Cost, EXAMPLE, Machine, PriceError, Prices, Protected, State, cost};
use planning::options::Drills;

fn prices(rows: &str) -> Result<Prices, PriceError> {
    Prices::read(&format!("label = \"test\"\ncurrency = \"EUR\"\n{rows}"))
}

#[test]
fn the_example_reads_and_says_that_it_is_one() {
    let example = Prices::read(EXAMPLE).unwrap();
    assert!(example.example);
    assert!(example.rows.iter().all(|row| row.source.starts_with("example")));
}

fn row(price: &str) -> String {
    format!("[[price]]\ncomponent = \"storage\"\nitem = \"P10\"\nprice = \"{price}\"\nsource = \"x\"\n")
}

#[test]
fn a_price_is_a_decimal_number_with_a_point() {
    for (price, micros) in [
        ("0.096", 96_000),
        ("25", 25_000_000),
        ("0.000001", 1),
        ("12.5", 12_500_000),
    ] {
        assert_eq!(prices(&row(price)).unwrap().rows[0].micros, micros, "{price}");
    }
    for price in [
        "0,096",
        "-1",
        "1.2345678",
        "",
        ".5",
        "5.",
        "1e3",
        "99999999999999999999",
    ] {
        let error = prices(&row(price)).unwrap_err().to_string();
        assert!(error.contains("P10") && error.contains(price), "{error}");
    }
}

#[test]
fn an_item_has_one_price_and_a_discount_leaves_something() {
    assert_eq!(
        prices(&row("1").repeat(2)).unwrap_err(),
        PriceError::Twice { item: "P10".into() }
    );
    let discount = format!("discount_per_mille = 1001\n{}", row("1"));
    assert_eq!(prices(&discount).unwrap_err(), PriceError::Discount(1_001));
    let unknown = row("1").replace("storage", "coffee");
    assert!(prices(&unknown).unwrap_err().to_string().contains("coffee"));
}

#[test]
fn a_bill_is_what_arithmetic_by_hand_says() {
    let rows = [
        ("compute", "Standard_D2_v3", "0.10"),
        ("licence", "windows-vcpu-hour", "0.05"),
        ("licence", "protected-machine-month", "20"),
        ("storage", "standard-gib-month", "0.04"),
        ("storage", "P10", "18.25"),
        ("storage", "transactions-10000", "0.25"),
        ("network", "ER50", "300"),
    ];
    let rows = rows.map(|(component, item, price)| {
        format!("[[price]]\ncomponent = \"{component}\"\nitem = \"{item}\"\nprice = \"{price}\"\nsource = \"test\"\n")
    });
    let mut prices = prices(&rows.concat()).unwrap();
    let machine = Machine {
        size: "Standard_D2_v3".into(),
        vcpus: 2,
        memory_mib: 8_192,
        windows: true,
    };
    let standard = Protected {
        machine: Some(machine.clone()),
        tiers: vec![],
        standard_bytes: 100 << 30,
        log_bytes: 10 << 30,
        transactions: 100_000,
    };
    let premium = Protected {
        machine: None,
        tiers: vec!["P10".into(), "P20".into()],
        standard_bytes: 0,
        log_bytes: 0,
        transactions: 0,
    };
    let protected = [standard, premium];
    let bill = Bill {
        protected: &protected,
        always_on: &[machine],
        network: Some(("ER50", 50)),
        drills: Drills { per_year: 4, days: 7 },
        hybrid_benefit: false,
    };
    let of = |cost: &Cost, state, component| {
        let line = cost
            .lines
            .iter()
            .find(|line| (line.state, line.component) == (state, component));
        line.unwrap().micros_per_month
    };
    let bill_of = cost(&bill, &prices);
    // 110 GiB at 0.04, a P10, and ten times 10,000 writes at 0.25; a P20 has no price.
    assert_eq!(
        of(&bill_of, State::Replication, Component::Storage),
        4_400_000 + 18_250_000 + 2_500_000
    );
    assert_eq!(bill_of.missing, ["P20"]);
    assert_eq!(bill_of.transactions.value, 100_000);
    // 730 hours at 0.10, and of 2 processors at 0.05; two machines at 20.
    assert_eq!(of(&bill_of, State::Replication, Component::Compute), 73_000_000);
    assert_eq!(
        of(&bill_of, State::Replication, Component::Licence),
        73_000_000 + 40_000_000
    );
    assert_eq!(of(&bill_of, State::Replication, Component::Network), 300_000_000);
    // 28 days of 24 hours at 0.10, a twelfth a month; the same for the licence.
    assert_eq!(of(&bill_of, State::Drill, Component::Compute), 5_600_000);
    assert_eq!(of(&bill_of, State::Drill, Component::Licence), 5_600_000);
    // (4 + 18.25) · 28/365, rounded up.
    assert_eq!(of(&bill_of, State::Drill, Component::Storage), 1_706_850);
    assert_eq!(bill_of.machines[0].replication_micros, 24_400_000 + 2_500_000);
    assert_eq!(bill_of.micros_per_year, bill_of.micros_per_month * 12);
    // With licences of one's own nothing is paid for Windows; a discount is taken off everything.
    prices.discount_per_mille = 250;
    let cheaper = cost(
        &Bill {
            hybrid_benefit: true,
            ..bill
        },
        &prices,
    );
    assert_eq!(of(&cheaper, State::Drill, Component::Licence), 0);
    assert_eq!(of(&cheaper, State::Replication, Component::Network), 225_000_000);
}

/// A price file without the row says so, and writes cost nothing; a single one costs a ten thousandth, rounded up once.
#[test]
fn writes_are_paid_for_by_ten_thousand() {
    let with = |rows: &str, transactions: u64| {
        let protected = [Protected {
            machine: None,
            tiers: vec![],
            standard_bytes: 0,
            log_bytes: 0,
            transactions,
        }];
        let bill = Bill {
            protected: &protected,
            always_on: &[],
            network: None,
            drills: Drills { per_year: 4, days: 7 },
            hybrid_benefit: true,
        };
        cost(&bill, &prices(rows).unwrap())
    };
    let storage = |cost: &Cost| cost.lines[Component::Storage as usize].micros_per_month;
    let row = row("0.5").replace("P10", "transactions-10000");
    assert_eq!(storage(&with(&row, 1)), 50);
    assert_eq!(storage(&with(&row, 10_001)), 500_050);
    let none = with("price = []", 10_001);
    assert_eq!(storage(&none), 0);
    assert!(
        none.missing.contains(&"transactions-10000".to_owned()),
        "{:?}",
        none.missing
    );
    assert!(!with("price = []", 0).missing.contains(&"transactions-10000".to_owned()));
}
