//! What owners say of themselves and of their subnets.

use serde::Serialize;

/// An identity with its texts; `None` for those that the runtime's form does not have.
macro_rules! identity {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),* $(,)? }) => {
        $(#[$doc])*
        ///
        /// Texts come from whoever paid for them: bytes that are not UTF-8 are replaced, and nothing is escaped. `None` is a
        /// text that the form of this runtime does not have.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: Option<String>),* }

        impl $name {
            /// Names of the texts, in order.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            /// A text by the name of its field.
            pub fn get(&self, name: &str) -> Option<&str> {
                match name {
                    $(stringify!($field) => self.$field.as_deref(),)*
                    _ => None,
                }
            }

            pub(super) fn set(&mut self, name: &str, text: String) {
                match name {
                    $(stringify!($field) => self.$field = Some(text),)*
                    _ => {}
                }
            }
        }
    };
}

identity! {
    /// The identity of a coldkey.
    ChainIdentity {
        /// Name.
        name,
        /// Address of a web site.
        url,
        /// Repository.
        github_repo,
        /// Address of an image.
        image,
        /// Name or address on Discord.
        discord,
        /// Description.
        description,
        /// Anything else.
        additional,
    }
}

identity! {
    /// The identity of a subnet.
    SubnetIdentity {
        /// Name.
        subnet_name,
        /// Repository.
        github_repo,
        /// Whom to ask.
        subnet_contact,
        /// Address of a web site.
        subnet_url,
        /// Name or address on Discord.
        discord,
        /// Description.
        description,
        /// Address of a logo.
        logo_url,
        /// Anything else.
        additional,
    }
}
