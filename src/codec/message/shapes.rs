//! Which elements each message has, in their order. The wire shapes stand in `wamp::message`.

use super::read::{Elements, Read};
use crate::codec::reader::Reader;
use crate::wamp::message::{
    Abort, Authenticate, Call, Cancel, Challenge, Error, Event, Goodbye, Hello, Interrupt, Invocation, Publish,
    Published, Register, Registered, Result as CallResult, Subscribe, Subscribed, Unregister, Unregistered,
    Unsubscribe, Unsubscribed, Welcome, Yield,
};
use crate::wamp::{
    Dict, InvocationId, Message, MessageKind, PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId,
};

impl<'a, R: Reader<'a>> Elements<'a, R> {
    /// The message after its code.
    ///
    /// Those that come once per call or event are put together in place, the others out of line.
    #[inline]
    pub(super) fn message(&mut self) -> Read<Message> {
        Ok(match self.kind() {
            MessageKind::Hello => self.hello()?.into(),
            MessageKind::Welcome => self.welcome()?.into(),
            MessageKind::Abort => self.abort()?.into(),
            MessageKind::Challenge => self.challenge()?.into(),
            MessageKind::Authenticate => self.authenticate()?.into(),
            MessageKind::Goodbye => self.goodbye()?.into(),
            MessageKind::Error => self.error()?.into(),
            MessageKind::Publish => self.publish()?.into(),
            MessageKind::Published => self.published()?.into(),
            MessageKind::Subscribe => self.subscribe()?.into(),
            MessageKind::Subscribed => self.subscribed()?.into(),
            MessageKind::Unsubscribe => self.unsubscribe()?.into(),
            MessageKind::Unsubscribed => self.unsubscribed()?.into(),
            MessageKind::Event => self.event()?.into(),
            MessageKind::Call => self.call()?.into(),
            MessageKind::Cancel => self.cancel()?.into(),
            MessageKind::Result => self.result()?.into(),
            MessageKind::Register => self.register()?.into(),
            MessageKind::Registered => self.registered()?.into(),
            MessageKind::Unregister => self.unregister()?.into(),
            MessageKind::Unregistered => self.unregistered()?.into(),
            MessageKind::Invocation => self.invocation()?.into(),
            MessageKind::Interrupt => self.interrupt()?.into(),
            MessageKind::Yield => self.yielded()?.into(),
        })
    }

    #[inline(never)]
    fn hello(&mut self) -> Read<Hello> {
        Ok(Hello { realm: self.realm()?, details: self.dict("Details")? })
    }

    #[inline(never)]
    fn welcome(&mut self) -> Read<Welcome> {
        Ok(Welcome { session: self.id("Session", SessionId::new)?, details: self.dict("Details")? })
    }

    #[inline(never)]
    fn abort(&mut self) -> Read<Abort> {
        Ok(Abort { details: self.dict("Details")?, reason: self.uri("Reason")?, payload: self.payload()? })
    }

    #[inline(never)]
    fn challenge(&mut self) -> Read<Challenge> {
        Ok(Challenge { method: self.text("AuthMethod")?, extra: self.dict::<Dict>("Extra")? })
    }

    #[inline(never)]
    fn authenticate(&mut self) -> Read<Authenticate> {
        Ok(Authenticate { signature: self.text("Signature")?, extra: self.dict::<Dict>("Extra")? })
    }

    #[inline(never)]
    fn goodbye(&mut self) -> Read<Goodbye> {
        Ok(Goodbye { details: self.dict("Details")?, reason: self.uri("Reason")? })
    }

    #[inline(never)]
    fn error(&mut self) -> Read<Error> {
        Ok(Error {
            request_kind: self.request_kind()?,
            request: self.id("REQUEST.Request", RequestId::new)?,
            details: self.dict("Details")?,
            error: self.uri("Error")?,
            payload: self.payload()?,
        })
    }

    /// The codes of the requests that can fail.
    fn request_kind(&mut self) -> Read<MessageKind> {
        const FIELD: &str = "REQUEST.Type";
        const EXPECTED: &str = "16, 32, 34, 48, 64, 66 or 68";
        let code = self.unsigned(FIELD, EXPECTED)?;
        match code {
            16 | 32 | 34 | 48 | 64 | 66 | 68 => MessageKind::from_code(code),
            _ => None,
        }
        .ok_or_else(|| self.out_of_range(FIELD, EXPECTED, code))
    }

    #[inline]
    fn publish(&mut self) -> Read<Publish> {
        let request = self.request()?;
        Ok(Publish { request, options: self.dict("Options")?, topic: self.uri("Topic")?, payload: self.payload()? })
    }

    #[inline(never)]
    fn published(&mut self) -> Read<Published> {
        let request = self.id("PUBLISH.Request", RequestId::new)?;
        Ok(Published { request, publication: self.id("Publication", PublicationId::new)? })
    }

    #[inline(never)]
    fn subscribe(&mut self) -> Read<Subscribe> {
        Ok(Subscribe { request: self.request()?, options: self.dict("Options")?, topic: self.uri("Topic")? })
    }

    #[inline(never)]
    fn subscribed(&mut self) -> Read<Subscribed> {
        let request = self.id("SUBSCRIBE.Request", RequestId::new)?;
        Ok(Subscribed { request, subscription: self.id("Subscription", SubscriptionId::new)? })
    }

    #[inline(never)]
    fn unsubscribe(&mut self) -> Read<Unsubscribe> {
        let request = self.request()?;
        Ok(Unsubscribe { request, subscription: self.id("SUBSCRIBED.Subscription", SubscriptionId::new)? })
    }

    #[inline(never)]
    fn unsubscribed(&mut self) -> Read<Unsubscribed> {
        let (request, details) = self.request_or_revocation("UNSUBSCRIBE.Request")?;
        Ok(Unsubscribed { request, details })
    }

    #[inline]
    fn event(&mut self) -> Read<Event> {
        Ok(Event {
            subscription: self.id("SUBSCRIBED.Subscription", SubscriptionId::new)?,
            publication: self.id("PUBLISHED.Publication", PublicationId::new)?,
            details: self.dict("Details")?,
            payload: self.payload()?,
        })
    }

    #[inline]
    fn call(&mut self) -> Read<Call> {
        let request = self.request()?;
        Ok(Call {
            request,
            options: self.dict("Options")?,
            procedure: self.uri("Procedure")?,
            payload: self.payload()?,
        })
    }

    #[inline(never)]
    fn cancel(&mut self) -> Read<Cancel> {
        Ok(Cancel { request: self.id("CALL.Request", RequestId::new)?, options: self.dict("Options")? })
    }

    #[inline]
    fn result(&mut self) -> Read<CallResult> {
        let request = self.id("CALL.Request", RequestId::new)?;
        Ok(CallResult { request, details: self.dict("Details")?, payload: self.payload()? })
    }

    #[inline(never)]
    fn register(&mut self) -> Read<Register> {
        Ok(Register { request: self.request()?, options: self.dict("Options")?, procedure: self.uri("Procedure")? })
    }

    #[inline(never)]
    fn registered(&mut self) -> Read<Registered> {
        let request = self.id("REGISTER.Request", RequestId::new)?;
        Ok(Registered { request, registration: self.id("Registration", RegistrationId::new)? })
    }

    #[inline(never)]
    fn unregister(&mut self) -> Read<Unregister> {
        let request = self.request()?;
        Ok(Unregister { request, registration: self.id("REGISTERED.Registration", RegistrationId::new)? })
    }

    #[inline(never)]
    fn unregistered(&mut self) -> Read<Unregistered> {
        let (request, details) = self.request_or_revocation("UNREGISTER.Request")?;
        Ok(Unregistered { request, details })
    }

    #[inline]
    fn invocation(&mut self) -> Read<Invocation> {
        Ok(Invocation {
            request: self.id("Request", InvocationId::new)?,
            registration: self.id("REGISTERED.Registration", RegistrationId::new)?,
            details: self.dict("Details")?,
            payload: self.payload()?,
        })
    }

    #[inline(never)]
    fn interrupt(&mut self) -> Read<Interrupt> {
        Ok(Interrupt { request: self.id("INVOCATION.Request", InvocationId::new)?, options: self.dict("Options")? })
    }

    #[inline]
    fn yielded(&mut self) -> Read<Yield> {
        let request = self.id("INVOCATION.Request", InvocationId::new)?;
        Ok(Yield { request, options: self.dict("Options")?, payload: self.payload()? })
    }
}
