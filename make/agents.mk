# Agents as folders: agents/NAME with manifest, prompts, knowledge and tests.
#
#: make agent NAME=x        writes agents/x, a small agent that works
#: make agent-check NAME=x  is it valid, and does it pass its tests?   make agents          all of them
#: make agent-dev NAME=x    the same at every change of a file         make agent-record NAME=x   asks the model
#: make agent-publish NAME=x  publishes it on the demo server

.PHONY: agent agents agent-check agent-dev agent-record agent-publish agent-server
agent:
	@tools/agent new '$(NAME)'

agent-server:
	@tools/setup build run
	@$(SUBMAKE) all
	@tools/install-if-changed '$(PG_CONFIG)'

agents: agent-server
	@PG_CONFIG='$(PG_CONFIG)' tools/agent check
agent-check agent-dev agent-record agent-publish: agent-server
	@PG_CONFIG='$(PG_CONFIG)' tools/agent $(@:agent-%=%) '$(NAME)'
