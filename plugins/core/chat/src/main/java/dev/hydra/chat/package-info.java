/**
 * Conversations as text: {@link dev.hydra.chat.ChatTemplate} renders messages by the Jinja template
 * that a published model brings.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.chat;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
