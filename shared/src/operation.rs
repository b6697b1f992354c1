//! What a call to the API does: the name every other room knows an endpoint by.

/// One per endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /api/apiKeys`
    CreateKey,
    /// `GET /api/apiKeys`
    ListKeys,
    /// `GET /api/apiKeys/{id}`
    GetKey,
    /// `PUT /api/apiKeys/{id}`
    UpdateKey,
    /// `DELETE /api/apiKeys/{id}`
    DeleteKey,
    /// `PATCH /api/apiKeys/{id}/pause`
    PauseKey,
    /// `PATCH /api/apiKeys/{id}/resume`
    ResumeKey,
    /// `PATCH /api/apiKeys/setDefault`
    SetDefault,
    /// `PATCH /api/apiKeys/removeDefault`
    RemoveDefault,
    /// `GET /api/apiKeys/userKeys/{user_id}`
    ListUserKeys,
    /// `GET /api/apiKeys/{id}/audit`
    ListAudit,
    /// `POST /api/apiKeys/{id}/rotate`
    RotateKey,
    /// `GET /api/apiKeys/{id}/usage`
    GetUsage,
    /// `POST /api/apiKeys/verify`
    VerifyKey,
    /// `POST /api/transcribe`
    Transcribe,
}

impl Operation {
    /// Every operation, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::CreateKey,
        Self::ListKeys,
        Self::GetKey,
        Self::UpdateKey,
        Self::DeleteKey,
        Self::PauseKey,
        Self::ResumeKey,
        Self::SetDefault,
        Self::RemoveDefault,
        Self::ListUserKeys,
        Self::ListAudit,
        Self::RotateKey,
        Self::GetUsage,
        Self::VerifyKey,
        Self::Transcribe,
    ];

    /// The name of the endpoint's folder under `functions/`, also used in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateKey => "create-key",
            Self::ListKeys => "list-keys",
            Self::GetKey => "get-key",
            Self::UpdateKey => "update-key",
            Self::DeleteKey => "delete-key",
            Self::PauseKey => "pause-key",
            Self::ResumeKey => "resume-key",
            Self::SetDefault => "set-default",
            Self::RemoveDefault => "remove-default",
            Self::ListUserKeys => "list-user-keys",
            Self::ListAudit => "list-audit",
            Self::RotateKey => "rotate-key",
            Self::GetUsage => "get-usage",
            Self::VerifyKey => "verify-key",
            Self::Transcribe => "transcribe",
        }
    }

    /// What the client is told when the operation fails for a reason of ours (status 500).
    #[must_use]
    pub const fn failure(self) -> &'static str {
        match self {
            Self::CreateKey => "Failed to create API Key",
            Self::ListKeys | Self::ListUserKeys => "Failed to fetch API Keys",
            Self::GetKey => "Failed to fetch API Key",
            Self::UpdateKey => "Failed to update API Key",
            Self::DeleteKey => "Failed to delete API Key",
            Self::PauseKey => "Failed to pause API Key",
            Self::ResumeKey => "Failed to resume API Key",
            Self::SetDefault => "Failed to set default API Key",
            Self::RemoveDefault => "Failed to remove default API Key",
            Self::ListAudit => "Failed to fetch API Key audit trail",
            Self::RotateKey => "Failed to rotate API Key",
            Self::GetUsage => "Failed to fetch API Key usage",
            Self::VerifyKey => "Failed to verify API Key",
            Self::Transcribe => "Failed to transcribe",
        }
    }

    /// Whether a request needs a body in the request format.
    #[must_use]
    pub const fn needs_body(self) -> bool {
        match self {
            Self::CreateKey | Self::UpdateKey | Self::SetDefault | Self::RemoveDefault | Self::VerifyKey => true,
            Self::ListKeys
            | Self::GetKey
            | Self::DeleteKey
            | Self::PauseKey
            | Self::ResumeKey
            | Self::ListUserKeys
            | Self::ListAudit
            | Self::RotateKey
            | Self::GetUsage
            | Self::Transcribe => false,
        }
    }

    /// Whether a body may say something that the path does not.
    #[must_use]
    pub const fn takes_body(self) -> bool {
        self.needs_body() || matches!(self, Self::RotateKey)
    }

    /// Whether the body is a form (`multipart/form-data`), whatever the request format.
    #[must_use]
    pub const fn takes_form(self) -> bool {
        matches!(self, Self::Transcribe)
    }
}
