//! `[rest.routes.NAME]`: methods and paths of the operator's own.

use crate::config::read::table;
use crate::config::values::{choice, GoodStatus, Items, Named, ProcedureUri, RoutePath, RouteValue};
use crate::http::settings::routes::{ResponseShape, RouteMethod};

table! {
    /// A method and paths that are mapped to a procedure or topic, on each listener that serves rest and reaches the realm. Values
    /// may hold {path.NAME}, {query.NAME}, {header.NAME}, {body}, {body.A.B}, {identity.authid} and {identity.authrole}.
    MappedRoute {
        /// GET, POST, PUT, PATCH or DELETE.
        method: RouteMethod = required;
        /// The path; a whole segment such as {id} is open.
        path: RoutePath = required;
        /// The name of the realm.
        realm: String = required;
        /// The procedure that is called.
        call: Option<ProcedureUri> = optional("\"com.shop.order.get\"");
        /// In place of it: the topic that is published to.
        publish: Option<ProcedureUri> = optional("\"com.shop.order.placed\"");
        /// The positional arguments: a value that is one placeholder keeps its type. One that is missing is 400.
        args: Items<RouteValue> = default(Items::default());
        /// The keyword arguments. One that is missing is left out.
        kwargs: Named<RouteValue> = default(Named::default());
        /// The body of an answer to a call: first (the first result), args (their list) or full (an object of args and kwargs).
        response: ResponseShape = default(ResponseShape::First);
        /// The status of an answer.
        status: GoodStatus = default(GoodStatus(200));
    }
}

choice!(RouteMethod {
    "GET" => RouteMethod::Get,
    "POST" => RouteMethod::Post,
    "PUT" => RouteMethod::Put,
    "PATCH" => RouteMethod::Patch,
    "DELETE" => RouteMethod::Delete,
});

choice!(ResponseShape {
    "first" => ResponseShape::First,
    "args" => ResponseShape::Args,
    "full" => ResponseShape::Full,
});
