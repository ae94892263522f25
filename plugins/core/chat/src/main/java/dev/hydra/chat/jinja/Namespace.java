package dev.hydra.chat.jinja;

import java.util.Map;

/** The object of {@code namespace(...)}, whose attributes {@code set} changes from inside loops. */
record Namespace(Map<String, Object> values) {}
