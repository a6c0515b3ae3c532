//! Writing messages: the elements of each, in their order, for a writer of any serialization.

use super::options_write::{write_options, Options};
use crate::codec::error::{Fidelity, TranscodeError};
use crate::codec::transcode::{write_dict_exact, write_payload};
use crate::codec::writer::Writer;
use crate::wamp::message::Error;
use crate::wamp::{Dict, Message, MessageKind, Payload, RequestId, Uri};

type Written = Result<Fidelity, TranscodeError>;

/// Writes one message.
#[inline]
pub(in crate::codec) fn write<W: Writer>(message: &Message, writer: &mut W) -> Written {
    let mut to = Elements { writer, kind: message.kind() };
    match message {
        Message::Call(call) => to.request_options_uri(call.request, &call.options, &call.procedure, &call.payload),
        Message::Yield(yielded) => to.numbers_options(&[yielded.request.get()], &yielded.options, &yielded.payload),
        Message::Result(result) => to.numbers_options(&[result.request.get()], &result.details, &result.payload),
        Message::Invocation(invocation) => {
            let numbers = [invocation.request.get(), invocation.registration.get()];
            to.numbers_options(&numbers, &invocation.details, &invocation.payload)
        }
        Message::Publish(publish) => {
            to.request_options_uri(publish.request, &publish.options, &publish.topic, &publish.payload)
        }
        Message::Event(event) => {
            let numbers = [event.subscription.get(), event.publication.get()];
            to.numbers_options(&numbers, &event.details, &event.payload)
        }
        Message::Error(error) => to.error(error),
        Message::Abort(abort) => to.options_uri(&abort.details, &abort.reason, &abort.payload),
        Message::Goodbye(goodbye) => to.options_uri(&goodbye.details, &goodbye.reason, &Payload::Empty),
        Message::Hello(hello) => to
            .first(3, |writer| match &hello.realm {
                Some(realm) => writer.text(realm),
                None => writer.null(),
            })
            .options(&*hello.details),
        Message::Welcome(welcome) => {
            to.first(3, |writer| writer.unsigned(welcome.session.get())).options(&*welcome.details)
        }
        Message::Challenge(challenge) => to.first(3, |writer| writer.text(&challenge.method)).extra(&challenge.extra),
        Message::Authenticate(proof) => to.first(3, |writer| writer.text(&proof.signature)).extra(&proof.extra),
        Message::Published(published) => to.numbers(&[published.request.get(), published.publication.get()]),
        Message::Subscribe(subscribe) => {
            to.request_options_uri(subscribe.request, &subscribe.options, &subscribe.topic, &Payload::Empty)
        }
        Message::Subscribed(subscribed) => to.numbers(&[subscribed.request.get(), subscribed.subscription.get()]),
        Message::Unsubscribe(request) => to.numbers(&[request.request.get(), request.subscription.get()]),
        Message::Unsubscribed(reply) => to.gone(reply.request, &reply.details),
        Message::Cancel(cancel) => to.numbers_options(&[cancel.request.get()], &cancel.options, &Payload::Empty),
        Message::Register(register) => {
            to.request_options_uri(register.request, &register.options, &register.procedure, &Payload::Empty)
        }
        Message::Registered(registered) => to.numbers(&[registered.request.get(), registered.registration.get()]),
        Message::Unregister(request) => to.numbers(&[request.request.get(), request.registration.get()]),
        Message::Unregistered(reply) => to.gone(reply.request, &reply.details),
        Message::Interrupt(interrupt) => {
            to.numbers_options(&[interrupt.request.get()], &interrupt.options, &Payload::Empty)
        }
    }
}

/// The elements of one message.
struct Elements<'w, W> {
    writer: &'w mut W,
    kind: MessageKind,
}

impl<W: Writer> Elements<'_, W> {
    /// Begins the message and writes its code. `length` counts the code.
    #[inline]
    fn begin(&mut self, length: usize) {
        self.writer.list(length);
        self.writer.unsigned(self.kind.code());
    }

    #[inline]
    fn first(&mut self, length: usize, element: impl FnOnce(&mut W)) -> &mut Self {
        self.begin(length);
        element(self.writer);
        self
    }

    /// The last element: a typed dict.
    fn options<O: Options>(&mut self, options: &O) -> Written {
        let fidelity = write_options(self.writer, options);
        self.writer.end_list();
        Ok(fidelity)
    }

    /// The last element: a dict of anything.
    fn extra(&mut self, extra: &Dict) -> Written {
        let fidelity = write_dict_exact(extra, self.writer);
        self.writer.end_list();
        Ok(fidelity)
    }

    #[inline]
    fn numbers(&mut self, numbers: &[u64]) -> Written {
        self.begin(1 + numbers.len());
        numbers.iter().for_each(|number| self.writer.unsigned(*number));
        self.writer.end_list();
        Ok(Fidelity::Exact)
    }

    #[inline]
    fn numbers_options<O: Options>(&mut self, numbers: &[u64], options: &O, payload: &Payload) -> Written {
        self.begin(2 + numbers.len() + elements(payload));
        numbers.iter().for_each(|number| self.writer.unsigned(*number));
        let fidelity = write_options(self.writer, options);
        self.end(fidelity, payload)
    }

    #[inline]
    fn request_options_uri<O: Options>(
        &mut self,
        request: RequestId,
        options: &O,
        uri: &Uri,
        payload: &Payload,
    ) -> Written {
        self.begin(4 + elements(payload));
        self.writer.unsigned(request.get());
        let fidelity = write_options(self.writer, options);
        self.writer.text(uri);
        self.end(fidelity, payload)
    }

    fn options_uri<O: Options>(&mut self, options: &O, uri: &Uri, payload: &Payload) -> Written {
        self.begin(3 + elements(payload));
        let fidelity = write_options(self.writer, options);
        self.writer.text(uri);
        self.end(fidelity, payload)
    }

    fn error(&mut self, error: &Error) -> Written {
        self.begin(5 + elements(&error.payload));
        self.writer.unsigned(error.request_kind.code());
        self.writer.unsigned(error.request.get());
        let fidelity = write_options(self.writer, &error.details);
        self.writer.text(&error.error);
        self.end(fidelity, &error.payload)
    }

    /// UNSUBSCRIBED and UNREGISTERED: Details go with a revocation only.
    fn gone<O: Options>(&mut self, request: Option<RequestId>, details: &O) -> Written {
        match request {
            Some(request) => self.numbers(&[request.get()]),
            None => self.first(3, |writer| writer.unsigned(0)).options(details),
        }
    }

    #[inline]
    fn end(&mut self, fidelity: Fidelity, payload: &Payload) -> Written {
        let payload = write_payload(payload, self.writer)?;
        self.writer.end_list();
        Ok(fidelity.and(payload))
    }
}

/// How many elements a payload makes: empty ArgumentsKw of our own are left out, those of a peer are passed on.
#[inline]
fn elements(payload: &Payload) -> usize {
    match payload {
        Payload::Empty => 0,
        Payload::Raw(raw) => 1 + usize::from(raw.kwargs().is_some()),
        Payload::Values(values) if !values.kwargs.is_empty() => 2,
        Payload::Values(values) => usize::from(!values.args.is_empty()),
    }
}
