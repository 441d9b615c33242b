//! A text with headings, facts, lists and quotations, before it has a form.

/// A document.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Its title: a word of our own, and a text from outside.
    pub(super) title: (&'static str, String),
    /// What follows.
    pub(super) blocks: Vec<Block>,
}

/// A part of a document. Labels and sentences are our own; every [`String`] beside them may hold anything.
#[derive(Debug)]
pub(super) enum Block {
    /// Begins a chapter.
    Chapter(&'static str),
    /// Begins a part of a chapter.
    Section(String),
    /// A sentence.
    Sentence(&'static str),
    /// Labels with values.
    Facts(Vec<(&'static str, String)>),
    /// What happened, in order.
    Events(Vec<Event>),
    /// A text as it stands, with its lines.
    Quote(String),
}

/// One line of a list of what happened.
#[derive(Debug)]
pub(super) struct Event {
    /// When.
    pub(super) at: String,
    /// What, in a word.
    pub(super) what: String,
    /// Who.
    pub(super) by: String,
    /// More.
    pub(super) more: Vec<(&'static str, String)>,
}

impl Document {
    /// Adds a block.
    pub(super) fn add(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Adds a quotation under a sentence, unless there is nothing to quote.
    pub(super) fn quote(&mut self, sentence: &'static str, text: &str) {
        if !text.trim().is_empty() {
            self.add(Block::Sentence(sentence));
            self.add(Block::Quote(text.to_owned()));
        }
    }
}
