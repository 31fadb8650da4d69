"""Interventions: what changes one round of the loop on purpose. Each is a file, or a class of an installed
package.
"""
