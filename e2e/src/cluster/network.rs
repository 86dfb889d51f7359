//! The network between the machines: one bridge, and the routes that a cloud would have.

use anyhow::Result;

use super::{
    addresses::{
        CLIENT, CONTROL, LOAD_BALANCERS, NEIGHBOURS_LENGTH, PODS, node as node_address, pods_of,
    },
    namespaces::{Door, Machine},
    parts,
    settings::Nodes,
};

/// A machine at the bridge.
#[derive(Clone, Copy, Debug)]
struct Neighbour {
    door: Door,
    machine: Machine,
}

/// Joins client, control plane and nodes by a bridge in the switch.
pub(super) fn connect(
    switch: Door,
    client: Door,
    control: Door,
    nodes: &[(u8, Door)],
    count: Nodes,
) -> Result<()> {
    let mut neighbours = vec![
        Neighbour {
            door: client,
            machine: Machine::Client,
        },
        Neighbour {
            door: control,
            machine: Machine::Control,
        },
    ];
    neighbours.extend(nodes.iter().map(|(number, door)| Neighbour {
        door: *door,
        machine: Machine::Node(*number),
    }));
    plug_in(switch, &neighbours)?;
    for neighbour in neighbours {
        let machine = neighbour.machine;
        let mut lines = vec![
            "link set lo up".to_owned(),
            format!(
                "address add {}/{NEIGHBOURS_LENGTH} dev eth0",
                address(machine)
            ),
            "link set eth0 up".to_owned(),
        ];
        lines.extend(routes(machine, count));
        neighbour.door.change_network(&lines)?;
        if let Machine::Node(_) = machine {
            hide_pods(neighbour.door)?;
        }
    }
    Ok(())
}

/// Sends what the client has for a load balancer's address to this node.
pub(super) fn route_load_balancers(client: Door, node: u8) -> Result<()> {
    client.change_network(&[format!(
        "route replace {LOAD_BALANCERS} via {}",
        node_address(node)
    )])
}

/// The pairs of interfaces are made in the switch, one end at once inside of the neighbour: none is ever on the host.
fn plug_in(switch: Door, neighbours: &[Neighbour]) -> Result<()> {
    let mut lines = vec![
        "link add bridge type bridge".to_owned(),
        "link set bridge up".to_owned(),
    ];
    for neighbour in neighbours {
        let port = neighbour.machine.part();
        lines.push(format!(
            "link add {port} type veth peer name eth0 netns {}",
            neighbour.door.holder()
        ));
        lines.push(format!("link set {port} master bridge up"));
    }
    switch.change_network(&lines)
}

/// What one machine knows of the others' pods and Services.
fn routes(machine: Machine, count: Nodes) -> Vec<String> {
    let to_pods = |but: Option<u8>| {
        count
            .numbers()
            .filter(move |number| Some(*number) != but)
            .map(|number| format!("route add {} via {}", pods_of(number), node_address(number)))
    };
    match machine {
        Machine::Switch => Vec::new(),
        // Outside of the cluster nobody knows of pods.
        Machine::Client => vec![format!(
            "route add {LOAD_BALANCERS} via {}",
            node_address(1)
        )],
        Machine::Control => to_pods(None).collect(),
        Machine::Node(number) => to_pods(Some(number))
            .chain([format!("route add default via {CLIENT}")])
            .collect(),
    }
}

/// What pods send to others than pods comes from their node, as in most clouds.
fn hide_pods(node: Door) -> Result<()> {
    let rules = format!(
        "table ip cluster {{\n\
         chain leaving {{\n\
         type nat hook postrouting priority srcnat;\n\
         ip saddr {PODS} ip daddr != {PODS} oifname eth0 masquerade\n\
         }}\n}}\n"
    );
    parts::run_with(node.command("nft").args(["-f", "-"]), rules.as_bytes())?;
    Ok(())
}

fn address(machine: Machine) -> std::net::Ipv4Addr {
    match machine {
        Machine::Switch | Machine::Client => CLIENT,
        Machine::Control => CONTROL,
        Machine::Node(number) => node_address(number),
    }
}
