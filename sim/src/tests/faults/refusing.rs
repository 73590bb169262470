//! Requests that are refused: whoever asked hears so, and whoever was asked never hears of the request.

use super::*;
use actors::messages::replica::{self, ToStorage};
use actors::messages::vcenter::{ToAsker, ToVcenter, VcenterAction};
use actors::messages::{Body, machines};
use actors::nouns::{Boot, Place};

/// `a` asks `b` each second; what `a` hears, how many requests `b` heard of, and how often the fault struck.
fn asks(kind: FaultKind, request: impl Into<Body>, network: NetworkKind) -> (Vec<(u64, Body)>, usize, u64) {
    let request = request.into();
    let heard = Rc::new(RefCell::new(Vec::new()));
    let asked = Rc::new(RefCell::new(0));
    let (own, reached) = (Rc::clone(&heard), Rc::clone(&asked));
    let caller = toy(move |env, input| match input {
        Input::Started | Input::Timer(_) => {
            let _ = env.connect(MachineId(1), PORT);
            let _ = env.timer(SECOND, Token::default());
        }
        Input::Network(NetEvent::Opened { conn }) => env.send(conn, request.clone()),
        Input::Network(NetEvent::Received { frame, .. }) => {
            own.borrow_mut().push((env.now().0 / SECOND, frame.body));
        }
        _ => {}
    });
    let answerer = toy(move |env, input| match input {
        Input::Started => env.listen(PORT),
        Input::Network(NetEvent::Received { .. }) => *reached.borrow_mut() += 1,
        _ => {}
    });
    let mut facts = Facts::default();
    let mut options = options();
    options.network = network;
    let ended = run_with(world(Some(kind)), &options, &mut facts, toys(vec![caller, answerer]));
    assert_eq!(ended.expect("the machine holds").broken, None);
    let told: Vec<Fact> = facts.0.into_iter().map(|(_, fact)| fact).collect();
    let ended = told.iter().rfind(|fact| matches!(fact, Fact::FaultEnded { .. }));
    let Some(Fact::FaultEnded { struck, .. }) = ended else {
        panic!("{told:?}")
    };
    (heard.take(), asked.take(), *struck)
}

#[test]
fn a_busy_account_reads_nothing_and_says_so() {
    let (protection, headers) = (7, Vec::new().into());
    let request = || ToStorage::GetSegments {
        protection,
        headers: Vec::new().into(),
    };
    let busy: Body = replica::ToService::Busy { protection, headers }.into();
    let kind = |every| FaultKind::RequestsRefused {
        machine: MachineId(1),
        every,
    };
    for network in BOTH {
        let (heard, reached, struck) = asks(kind(1), request(), network);
        assert!(heard.iter().all(|(at, body)| (10..=20).contains(at) && *body == busy));
        assert_eq!(heard.len() as u64, struck, "{network:?}");
        assert!(
            (9..=11).contains(&struck) && reached >= 18,
            "{network:?}: {struck} {reached}"
        );
        let (heard, _, struck) = asks(kind(3), request(), network);
        assert!(
            heard.len() as u64 == struck && (3..=4).contains(&struck),
            "{network:?}: {struck}"
        );
        // A sign of life is no request.
        let (heard, _, struck) = asks(kind(1), ToStorage::Heartbeat, network);
        assert_eq!((heard.len(), struck), (0, 0), "{network:?}");
    }
}

#[test]
fn machines_are_refused_with_the_reason() {
    let machine = MachineId(5);
    let why = "28031 quota".to_owned();
    let kind = FaultKind::BootsRefused {
        machine: MachineId(1),
        code: why.clone(),
    };
    let create = machines::ToCompute::CreateMachine {
        machine,
        boot: None,
        hydrate: false,
    };
    let boot = Boot {
        vm: VmId(0),
        place: Place::OnPremises,
        parent: None,
        volumes: Vec::new(),
        failover: None,
    };
    let attach = ToVcenter::Act {
        id: 3,
        action: VcenterAction::AttachAndBoot { machine, boot },
    };
    let off = ToVcenter::Act {
        id: 4,
        action: VcenterAction::PowerOff { machine },
    };
    for network in BOTH {
        let refused: Body = machines::ToService::MachineRefused {
            machine,
            why: why.clone(),
        }
        .into();
        let (heard, _, struck) = asks(kind.clone(), create.clone(), network);
        assert!(
            struck >= 9 && heard.iter().all(|(_, body)| *body == refused),
            "{network:?}: {heard:?}"
        );
        let refused: Body = ToAsker::Done {
            id: 3,
            refused: Some(why.clone()),
        }
        .into();
        let (heard, _, struck) = asks(kind.clone(), attach.clone(), network);
        assert!(
            struck >= 9 && heard.iter().all(|(_, body)| *body == refused),
            "{network:?}: {heard:?}"
        );
        let (heard, reached, struck) = asks(kind.clone(), off.clone(), network);
        assert!(heard.is_empty() && struck == 0 && reached >= 28, "{network:?}");
    }
}
