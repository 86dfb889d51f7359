//! The buffer of a data connection.

use proptest::{collection::vec, prelude::*};

use super::super::window::Window;

#[derive(Clone, Debug)]
enum Act {
    Append(Vec<u8>),
    MakeRoom(usize),
    Grow(usize),
    MoveToFront,
    Take(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        vec(any::<u8>(), 0..20).prop_map(Act::Append),
        (0..40_usize).prop_map(Act::MakeRoom),
        (0..40_usize).prop_map(Act::Grow),
        Just(Act::MoveToFront),
        (0..30_usize).prop_map(Act::Take),
    ];
    vec(act, 0..40)
}

proptest! {
    #[test]
    fn what_was_added_is_held_in_order_until_it_is_taken(acts in acts()) {
        let mut window = Window::default();
        let mut model = Vec::new();

        for act in acts {
            match act {
                Act::Append(bytes) => {
                    window.append(&bytes);
                    model.extend(bytes);
                }
                Act::MakeRoom(count) => {
                    window.make_room(count);
                    prop_assert!(window.room().len() >= count);
                }
                Act::Grow(size) => {
                    window.grow(size);
                    window.move_to_front();
                    prop_assert!(window.held().len() + window.room().len() >= size);
                }
                Act::MoveToFront => window.move_to_front(),
                Act::Take(count) => {
                    window.take(count);
                    model.drain(..count.min(model.len()));
                }
            }
            prop_assert_eq!(window.held(), model.as_slice());
        }
    }
}
