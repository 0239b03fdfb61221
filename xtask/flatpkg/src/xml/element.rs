//! An element of a document.
//!
//! Must not know: what elements mean.

/// An element with all it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Its name with the prefix, if it has one.
    pub name: String,
    /// Its attributes in order, unescaped.
    pub attributes: Vec<(String, String)>,
    /// The elements in it, in order.
    pub children: Vec<Element>,
    /// The text right in it, unescaped and joined; what children hold is theirs.
    pub text: String,
    /// Its text as libxar takes it, where that differs from `text`: the last piece
    /// between tags, comments and the like, without what CDATA holds.
    pub last_text: Option<String>,
}

impl Element {
    /// An attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The name without a prefix.
    pub fn local_name(&self) -> &str {
        self.name.rsplit_once(':').map_or(&self.name, |(_, name)| name)
    }

    /// Whether a comment, an element, CDATA or the like divides its text, so that
    /// readers differ over it.
    pub fn is_divided(&self) -> bool {
        self.last_text.is_some()
    }

    /// The children with a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child with a name.
    pub fn first(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child with a name, without white space around it.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.first(name).map(|child| child.text.trim())
    }
}
