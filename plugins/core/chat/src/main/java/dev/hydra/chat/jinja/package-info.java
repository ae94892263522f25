/**
 * The Jinja template language with the values of Python, as far as chat templates use it.
 *
 * <p>Source: the <a href="https://jinja.palletsprojects.com/en/stable/templates/">template designer
 * documentation</a> of Jinja 3.1. A template behaves as in the environment that Hugging Face
 * transformers makes: {@code trim_blocks}, {@code lstrip_blocks} and loop controls are on, nothing
 * is escaped, what is undefined prints as nothing and has no attributes.
 */
@NullMarked
package dev.hydra.chat.jinja;

import org.jspecify.annotations.NullMarked;
