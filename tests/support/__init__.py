"""Everything the integration tests share: processes, fake peers, clients, configuration builders."""
