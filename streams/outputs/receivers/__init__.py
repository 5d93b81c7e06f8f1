"""Where alerts go beyond this machine: Alertmanager, webhooks, Slack, Mattermost (docs/receivers.md)."""
