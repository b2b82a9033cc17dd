"""Handing trained models out."""
