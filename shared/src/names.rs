//! Enums whose values have names: one macro, so that a name is written once.

/// Declares an enum with a name for each value, and from it `ALL`, `as_str`, `parse` and JSON.
macro_rules! named {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $type:ident {
            $($(#[$value_attribute:meta])* $value:ident = $name:literal,)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $type {
            $($(#[$value_attribute])* $value,)+
        }

        impl $type {
            /// Every value, in the order of declaration.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$value),+];

            /// The name, the same everywhere.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }

            /// The value of a name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.as_str() == name)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use named;

#[cfg(test)]
mod tests {
    named! {
        /// Two values.
        enum Side {
            /// One.
            Left = "left-hand",
            /// The other.
            Right = "right-hand",
        }
    }

    #[test]
    fn names_convert_both_ways() {
        assert_eq!(Side::ALL.map(Side::as_str), ["left-hand", "right-hand"]);
        assert_eq!(Side::parse("right-hand"), Some(Side::Right));
        assert_eq!(Side::parse("Left"), None);
        assert_eq!(serde_json::to_string(&Side::Left).expect("JSON"), "\"left-hand\"");
    }
}
