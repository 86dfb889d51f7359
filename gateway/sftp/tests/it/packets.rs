use proptest::prelude::*;
use sftp::{Message, PACKET_MAX, Packet, Packets, TooLong};

fn collect(packets: &mut Packets, mut input: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
    let mut found = Vec::new();
    while let Some(packet) = packets.next(&mut input)? {
        found.push(match packet {
            Packet::Whole(bytes) => bytes.to_vec(),
            Packet::Gathered(bytes) => bytes,
        });
    }
    assert!(input.is_empty());
    Ok(found)
}

fn framed(packets: &[Vec<u8>]) -> Vec<u8> {
    packets
        .iter()
        .flat_map(|packet| {
            let length = u32::try_from(packet.len()).unwrap().to_be_bytes();
            length.into_iter().chain(packet.iter().copied())
        })
        .collect()
}

#[test]
fn a_whole_packet_is_not_copied() {
    let bytes = framed(&[b"one".to_vec()]);

    let packet = Packets::default().next(&mut bytes.as_slice()).unwrap();

    assert_eq!(packet, Some(Packet::Whole(b"one")));
}

#[test]
fn an_over_long_packet_is_refused_before_its_body_arrives() {
    let mut packets = Packets::default();
    let longest = PACKET_MAX.to_be_bytes();
    let longer = (PACKET_MAX + 1).to_be_bytes();

    assert_eq!(packets.next(&mut longest.as_slice()), Ok(None));
    assert_eq!(packets.reserved(), PACKET_MAX as usize);
    assert_eq!(
        Packets::default().next(&mut longer.as_slice()),
        Err(TooLong {
            length: PACKET_MAX + 1
        })
    );
}

proptest! {
    #[test]
    fn packets_do_not_depend_on_how_the_bytes_arrive(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        cuts in prop::collection::vec(1_usize..20, 1..40),
    ) {
        let bytes = framed(&sent);
        let mut packets = Packets::default();
        let mut rest = bytes.as_slice();
        let mut found = Vec::new();

        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            rest = after;
            found.extend(collect(&mut packets, piece).unwrap());
        }
        found.extend(collect(&mut packets, rest).unwrap());

        prop_assert_eq!(found, sent);
        prop_assert_eq!(packets.reserved(), 0);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut packets = Packets::default();
        let mut input = bytes.as_slice();
        while let Ok(Some(packet)) = packets.next(&mut input) {
            if let Packet::Whole(packet) = packet {
                let _outcome = Message::decode(packet);
            }
        }
    }
}
